/** Every page, with what a profile's pages are about. */
export function addressesOf(key: string, call = 'io_uring_setup'): Record<string, string> {
  return {
    fleet: '/',
    workloads: '/workloads',
    workload: `/workloads/${key}?call=${call}`,
    reviews: '/review',
    review: `/review/${key}`,
    denials: '/denials',
    profiles: '/profiles',
    profile: `/profiles/${key}`,
    compare: `/compare?left=RuntimeDefault&right=${key}`,
    rules: '/rules',
    nodes: '/nodes',
    profiler: '/profiler',
    trace: '/profiler/1',
    emergency: '/emergency',
    audit: '/audit',
    doctor: '/doctor'
  }
}

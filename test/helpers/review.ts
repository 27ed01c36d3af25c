/** A pod as the API server sends it, small but with everything that a real one has. */
export interface TestPod {
  apiVersion: string
  kind: string
  metadata: {
    name?: string
    generateName?: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    [key: string]: unknown
  }
  spec: {
    containers: Record<string, unknown>[]
    initContainers?: Record<string, unknown>[]
    ephemeralContainers?: Record<string, unknown>[]
    [key: string]: unknown
  }
}

/** A labelled pod with one container called `app`. */
export function testPod(change: Partial<TestPod['metadata']> = {}, spec: object = {}): TestPod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', namespace: 'shop', ...change },
    spec: { containers: [{ name: 'app', image: 'web:1' }], ...spec }
  }
}

/** An AdmissionReview (admission.k8s.io/v1) for a pod's creation. */
export function testReview(object: unknown, request: Record<string, unknown> = {}) {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '0df28fbd-5f5f-11e8-bc74-36e6bb280816',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      ...request
    }
  }
}

/**
 * A review of 6–7 KB, as a Deployment's pod gives: environment, probes, volumes and managedFields. Pods of
 * one ReplicaSet differ in `token` alone, the random end of the volume's name that the ServiceAccount
 * admission plugin adds (plugin/pkg/admission/serviceaccount), and in the uid of their review.
 */
export function realisticReview(workload = 'checkout', token = 'x7k2p') {
  const env = Array.from({ length: 30 }, (_, i) => ({
    name: `SETTING_${i}`,
    value: `value-of-setting-${i}-${'x'.repeat(20)}`
  }))
  const managed = Object.fromEntries(
    env.map(({ name }) => [`k:{"name":"${name}"}`, { '.': {}, 'f:name': {}, 'f:value': {} }])
  )
  const pod = testPod(
    {
      generateName: `${workload}-7c9d8f6b5-`,
      labels: {
        app: 'web',
        team: 'payments',
        env: 'prod',
        'app.kubernetes.io/name': workload,
        'pod-template-hash': '7c9d8f6b5'
      },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${workload}-7c9d8f6b5`,
          uid: 'a8d6f2d4-0f0a-4b5e-9d53-02d3ab6b4e11',
          controller: true,
          blockOwnerDeletion: true
        }
      ],
      managedFields: [
        {
          manager: 'kube-controller-manager',
          operation: 'Update',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:metadata': { 'f:generateName': {}, 'f:labels': { '.': {}, 'f:app': {} } },
            'f:spec': { 'f:containers': { 'k:{"name":"app"}': { 'f:env': managed } } }
          }
        }
      ]
    },
    {
      serviceAccountName: workload,
      containers: [
        {
          name: 'app',
          image: `shop/${workload}:1.2.3`,
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
          env,
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          livenessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 10 },
          readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 5 },
          volumeMounts: [
            { name: 'config', mountPath: '/etc/checkout', readOnly: true },
            {
              name: `kube-api-access-${token}`,
              mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
              readOnly: true
            }
          ],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
        }
      ],
      volumes: [
        { name: 'config', configMap: { name: workload } },
        {
          name: `kube-api-access-${token}`,
          projected: {
            sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }]
          }
        }
      ],
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }
      ]
    }
  )
  return testReview(pod)
}

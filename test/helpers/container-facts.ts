import type { findContainer } from '../../satellite/containers/identify.js'
import type { Container } from '../../satellite/containers/runtime.js'

export const hex = 'ab'.repeat(32)

export const plain = (over: Partial<Container>): Container => ({
  id: 'web',
  runtime: 'runc',
  name: 'web',
  pid: 10,
  mntns: 7,
  cgroupId: 100n,
  status: 'running',
  labels: {},
  ...over
})

export const slot = (over: Partial<Parameters<typeof findContainer>[0]>) => ({
  mntns: 7,
  cgroupId: 100n,
  cgroupName: 'web',
  cgroupParent: '',
  ...over
})

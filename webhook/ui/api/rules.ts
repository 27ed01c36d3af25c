import { Type } from 'typebox'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccompRule, SeccompRuleSpec } from '../../../src/api/seccomp-rule.js'
import { apiVersion, namespacePattern } from '../../../src/api/names.js'
import { profileOfRule } from '../../../src/confinement/rule-mode.js'
import { mustNotBeginToEnforce, withRule } from '../../../src/confinement/start-gate.js'
import { refOfKey } from '../../../src/rules/profile-state.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { limits } from '../../../src/api/limits.js'
import { ruleExists } from '../../../src/rules/rule.js'
import { derivedOf } from '../model/derived.js'
import { checkedPods, checkedRunningPod } from '../model/checked-pods.js'
import { AnyObject, Force, listOf, reading, refOf, type Route, writing } from '../model/route.js'

/** Form of a pod's name, a DNS subdomain. */
const podPattern = '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$'
const Done = Type.Object({ namespace: Type.String(), name: Type.String() })

/** Endpoints of rules: read, write, test on a pod. */
export const ruleRoutes: readonly Route[] = [
  reading({
    url: '/api/v1/rules/:namespace/:name',
    operationId: 'getRule',
    summary: 'One rule',
    needs: { verb: 'get', resource: 'seccomprules' },
    cli: 'secco get rules NAME -o yaml',
    pages: ['/rules'],
    response: SeccompRule,
    async handle(call) {
      const ref = refOf(call)
      const rule = await call.ui.store.get('SeccompRule', ref)
      if (rule !== undefined) return rule
      throw new SeccoError('NOT_FOUND', `there is no rule ${ref.namespace}/${ref.name}`)
    }
  }),
  writing({
    method: 'PUT',
    url: '/api/v1/rules/:namespace/:name',
    operationId: 'applyRule',
    summary: 'Creates a rule or replaces its spec',
    needs: { verb: 'update', resource: 'seccomprules' },
    cli: 'secco rule apply -f FILE',
    pages: ['/rules'],
    body: Type.Object(
      {
        spec: SeccompRuleSpec,
        force: Force,
        create: Type.Optional(
          Type.Boolean({ description: 'make a new rule, and reject one that exists' })
        )
      },
      { additionalProperties: false }
    ),
    response: Done,
    async handle(call, { spec, force, create }) {
      const ref = refOf(call)
      const isKnown = create === true && (await call.ui.store.get('SeccompRule', ref)) !== undefined
      if (isKnown) throw ruleExists(ref)
      const rule = { apiVersion, kind: 'SeccompRule', metadata: ref, spec } as const
      const { store, sources } = call.ui
      const key = profileOfRule(rule)
      const named = key === undefined ? undefined : refOfKey(key)
      // Whoever may not see a profile is told nothing of it.
      const isSeen = named !== undefined && sources.isReadable(named.namespace)
      const profile = isSeen ? await store.get('SeccompProfile', named) : undefined
      const others = sources.profiles().filter(({ metadata }) => metadata.name === named?.name)
      const isOther = (one: SeccompProfile) => one.metadata.namespace !== named?.namespace
      const profiles = [...(profile === undefined ? [] : [profile]), ...others.filter(isOther)]
      const before = { profiles, rules: sources.rules() }
      const { resolve } = derivedOf(sources, call.ui.now())
      mustNotBeginToEnforce(before, withRule(before, rule), { force, resolve })
      await store.apply('SeccompRule', rule)
      return ref
    }
  }),
  {
    method: 'DELETE',
    url: '/api/v1/rules/:namespace/:name',
    operationId: 'deleteRule',
    summary: 'Deletes a rule; running pods keep what they have',
    needs: { verb: 'delete', resource: 'seccomprules' },
    cli: 'secco rule delete NAME',
    pages: ['/rules'],
    response: Done,
    async handle(call) {
      const ref = refOf(call)
      if (await call.ui.store.delete('SeccompRule', ref)) return ref
      throw new SeccoError('NOT_FOUND', `there is no rule ${ref.namespace}/${ref.name}`)
    }
  },
  writing({
    method: 'POST',
    url: '/api/v1/rules/test',
    operationId: 'testPod',
    summary: 'What the webhook would do with a pod; nothing is created',
    needs: { verb: 'list', resource: 'seccomprules' },
    cli: 'secco check -f POD.yaml',
    pages: ['/rules'],
    bodyLimit: limits.documentBytes,
    body: Type.Object(
      {
        document: Type.Optional(
          Type.String({
            minLength: 1,
            description: 'YAML of a pod, or of anything with a pod template'
          })
        ),
        pod: Type.Optional(
          Type.String({
            pattern: podPattern,
            description: 'name of a running pod, in the place of a document'
          })
        ),
        namespace: Type.Optional(Type.String({ pattern: namespacePattern }))
      },
      { additionalProperties: false }
    ),
    response: listOf(AnyObject),
    async handle(call, { document, pod, namespace }) {
      if ((pod === undefined) === (document === undefined)) {
        throw new SeccoError('INVALID_ARGUMENT', 'body: must have either document or pod')
      }
      if (document === undefined) {
        const { result } = await checkedRunningPod(call, namespace ?? 'default', pod ?? '')
        return { items: [result] }
      }
      const items = await checkedPods(call, document, namespace)
      if (items.length > 0) return { items }
      throw new SeccoError('INVALID_DOCUMENT', 'kind: none of the documents makes a pod', {
        hint: 'paste a Pod, Deployment, StatefulSet, DaemonSet, Job or CronJob'
      })
    }
  })
]

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { evaluate } from '@marcbachmann/cel-js'
import fengari from 'fengari'
import { parse } from 'yaml'
import type { AnyObject } from '../../src/api/objects.js'
import { repositoryRoot } from './repository.js'

const read = (name: string): unknown =>
  parse(readFileSync(join(repositoryRoot, 'manifests/gitops', name), 'utf8'))

/** Returns a JSON value as an expression of Lua. */
function toLua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(toLua).join(', ')}}`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return `{${members.map(([key, member]) => `[${toLua(key)}] = ${toLua(member)}`).join(', ')}}`
  }
  return JSON.stringify(value).replaceAll(/\\u([0-9a-f]{4})/g, '\\u{$1}')
}

/** Runs the health check of Argo CD for an object, as Argo CD does. @throws Error in the words of Lua */
export function argoHealth(object: AnyObject): { status: string; message: string } {
  const { data } = read('argocd-cm.yaml') as { data: Record<string, string> }
  const script = data[`resource.customizations.health.secco.dev_${object.kind}`] ?? ''
  const { lua, lauxlib, lualib, to_luastring } = fengari
  const state = lauxlib.luaL_newstate()
  lualib.luaL_openlibs(state)
  const text = `obj = ${toLua(object)}
    local function check()
    ${script}
    end
    local health = check()
    return health.status, health.message`
  const failed = lauxlib.luaL_dostring(state, to_luastring(text))
  if (failed) throw new Error(lua.lua_tojsstring(state, -1))
  return { status: lua.lua_tojsstring(state, -2), message: lua.lua_tojsstring(state, -1) }
}

interface HealthCheck {
  kind: string
  inProgress?: string
  failed?: string
  current: string
}

/**
 * Runs the health check of Flux for an object, in the order of Flux (RFC 0009); what cannot be evaluated waits, as a
 * missing field does there.
 */
export function fluxHealth(object: AnyObject): 'InProgress' | 'Failed' | 'Current' {
  const { spec } = read('flux-health-checks.yaml') as { spec: { healthCheckExprs: HealthCheck[] } }
  const check = spec.healthCheckExprs.find(({ kind }) => kind === object.kind)
  const variables = JSON.parse(JSON.stringify(object)) as Record<string, unknown>
  const holds = (expression: string | undefined): boolean => {
    if (expression === undefined) return false
    try {
      return evaluate(expression, variables) === true
    } catch (error) {
      if (object.status === undefined) return false
      throw error
    }
  }
  if (holds(check?.inProgress)) return 'InProgress'
  if (holds(check?.failed)) return 'Failed'
  return holds(check?.current) ? 'Current' : 'InProgress'
}

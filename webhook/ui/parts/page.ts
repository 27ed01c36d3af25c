import type { Call } from '../model/context.js'
import type { Markup } from './html.js'
import type { Resource, Verb } from '../../access/rights.js'

/** What a page gives to the layout. */
export interface View {
  title: string
  /** Above the title, from the widest to the narrowest. */
  crumbs?: readonly { text: string; href?: string }[]
  /** Short facts below the title. */
  facts?: readonly (Markup | string)[]
  /** Buttons and the like beside the title. */
  actions?: Markup
  body: Markup
  /** Nothing about it changes by itself while a person looks: what was read is what is decided on. */
  still?: boolean
  status?: number
}

/** One page: a file of this folder each, all of them in registry.ts. */
export interface Page {
  /** Fastify's form: `/workloads/:namespace/:name`. */
  path: string
  /** Word in the navigation; absent: the page is reached from another, whose path `under` names. */
  nav?: string
  under?: string
  needs: { verb: Verb; resource: Resource }
  /** It shows what satellites tell of what runs, which each replica of the hub knows for its own nodes only. */
  live?: true
  /** Which count of what waits for a person stands beside the word. */
  count?: 'review' | 'denials' | 'nodes'
  render(call: Call): Promise<View> | View
}

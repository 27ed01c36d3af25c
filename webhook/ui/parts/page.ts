import type { Call } from '../model/context.js'
import type { ComponentChild } from 'preact'
import type { Resource, Verb } from '../../access/rights.js'

/** What a page passes to the layout. */
export interface View {
  title: string
  /** Above the title, from the widest to the narrowest. */
  crumbs?: readonly { text: string; href?: string }[]
  /** Short facts below the title. */
  facts?: readonly ComponentChild[]
  /** Buttons and the like beside the title. */
  actions?: ComponentChild
  body: ComponentChild
  /** The title and actions do not change by themselves: a person decides on what was read. */
  still?: boolean
  status?: number
}

/** One page. Each has a file in pages/, and registry.ts lists them. */
export interface Page {
  /** Fastify's form: `/workloads/:namespace/:name`. */
  path: string
  /** Word in the navigation; absent: the page is reached from another, whose path `under` names. */
  nav?: string
  under?: string
  needs: { verb: Verb; resource: Resource }
  /** The page shows what satellites report of what runs: each replica of the hub knows that for its own nodes only. */
  live?: true
  /** The count of waiting things next to the word. */
  count?: 'unconfined' | 'review' | 'denials' | 'nodes'
  render(call: Call): Promise<View> | View
}

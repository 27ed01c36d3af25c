import {
  type ConfigMapPublisher,
  type ConfigMapPublisherOptions,
  startConfigMapPublisher
} from './config-map-publisher.js'

/** ConfigMap with the summary of the active hub. */
export const summaryName = 'secco-hub-active'

type SummaryPublisherOptions = Pick<
  ConfigMapPublisherOptions,
  'call' | 'namespace' | 'mayWrite' | 'logger' | 'renewMs'
> & {
  /** This hub: its pod's name. */
  id: string
  summary: () => Buffer
}

/** Publishes the summary of this hub while it is the active one. */
export function startSummaryPublisher(options: SummaryPublisherOptions): ConfigMapPublisher {
  const { id, summary, ...rest } = options
  return startConfigMapPublisher({
    ...{ ...rest, name: summaryName, fieldManager: 'secco-hub' },
    content: () => summary().toString('base64'),
    membersOf: (content, renewed) => ({
      data: { hub: id, renewed },
      binaryData: { summary: content }
    })
  })
}

import { defaultCollectionSettings } from '../collection/index.js'
import type { LinkId } from '../model/index.js'
import type { Bus } from '../ports/index.js'
import type { Settings } from '../settings/index.js'
import type { CollectorOptions } from './collector-options.js'

type Choices = Required<Pick<CollectorOptions, 'settings' | 'mediumOf' | 'setsMeterClocks' | 'clockBroadcastAt'>>

/** What the site's settings say of the collection. A link's medium is what its module calls it, else its driver. */
export function collectorChoices({ collection, links, clock }: Settings, buses: ReadonlyMap<LinkId, Bus>): Choices {
  const { backfillShare, refusedRetryMs, vanishedAfterMs } = collection
  const drivers = new Map(links.map(({ id, driver }) => [id, driver]))
  return {
    settings: { ...defaultCollectionSettings, backfillShare, refusedRetryMs, vanishedAfterMs },
    mediumOf: (link) => buses.get(link)?.capabilities.medium ?? drivers.get(link) ?? link,
    setsMeterClocks: clock.setMeterClocks,
    clockBroadcastAt: clock.broadcastAt,
  }
}

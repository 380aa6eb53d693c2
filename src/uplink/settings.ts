import type { MasterId } from '../model/index.js'
import type { BrokerSettings } from './broker.js'
import { defaultSessionSettings } from './session-state.js'
import type { SessionSettings } from './session-state.js'

/** What the site's settings say of the uplink. */
export interface UplinkSettings {
  /** An id of `topicIdPattern`: it stands in the topics. */
  readonly concentrator: string
  /** Shown to the master: name and version. */
  readonly software: string
  /** 240–300 s keep a day of silence below 60 kB; shorter only where a network forgets idle connections sooner. */
  readonly keepAliveS: number
  readonly masters: readonly MasterSettings[]
  readonly pace: UplinkPace
}

export interface MasterSettings {
  readonly master: MasterId
  /** In the order they are tried; at least one. */
  readonly brokers: readonly BrokerSettings[]
  /** Where this master differs from the others. */
  readonly keepAliveS?: number
  readonly pace?: Partial<UplinkPace>
}

/** Times and sizes of a session; see `SessionSettings`. */
export type UplinkPace = Omit<SessionSettings, 'topics' | 'master' | 'software' | 'brokerCount'>

export const defaultUplinkPace: UplinkPace = defaultSessionSettings
export const defaultKeepAliveS = 270

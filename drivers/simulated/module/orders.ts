import { isBroadcast, type DownMessage, type DownUnit } from '../../../src/protocols/gdw1376/index.js'
import type { Carrier } from './carrier.js'
import type { ModuleDesk } from './desk.js'
import { denial, type Exchanges } from './exchanges.js'
import { archiveFrameNodesMax, commandMs, maintenanceMs } from './figures.js'
import type { LedReading } from './led-reading.js'
import type { MeshGround } from './network.js'

export interface OrderParts {
  readonly desk: ModuleDesk
  readonly ground: MeshGround
  readonly carrier: Carrier
  readonly exchanges: Exchanges
  readonly led: LedReading
  readonly restart: () => void
  readonly search: (minutes: number) => void
  readonly stopSearch: () => void
}

/** What becomes of an order: confirmed with a waiting time, or refused by a code; null: the unit is no order. */
type Verdict = { readonly waitSeconds: number } | number | null

const done: Verdict = { waitSeconds: 0 }

/** Carries out what a concentrator orders. @returns false: the unit is no order */
export function obeyOrder(parts: OrderParts, message: DownMessage): boolean {
  const { desk } = parts
  const verdict = archiveOrder(parts, message.unit) ?? routeOrder(parts, message.unit) ?? localOrder(parts, message.unit)
  if (verdict === null) return false
  if (typeof verdict === 'number') desk.deny(message, verdict)
  else desk.confirm(message, verdict.waitSeconds)
  return true
}

function archiveOrder({ desk, ground }: OrderParts, unit: DownUnit): Verdict {
  const { archive, now } = desk
  switch (unit.name) {
    case 'add-nodes': {
      const { nodes } = unit
      if (nodes.length === 0 || nodes.length > archiveFrameNodesMax || archive.size + nodes.length > desk.nodesMax)
        return denial.badUnit
      if (desk.quirks.refuses698 && nodes.some(({ protocol }) => protocol === 3)) return denial.badUnit
      if (nodes.some(({ address }) => archive.find(address) !== null || address === desk.mainNode)) return denial.duplicate
      for (const { address, protocol } of nodes) archive.add(address, protocol, now)
      ground.archiveChanged(now)
      return done
    }
    case 'delete-nodes':
      if (unit.nodes.length > archiveFrameNodesMax) return denial.badUnit
      if (unit.nodes.some((address) => archive.find(address) === null)) return denial.notInArchive
      for (const address of unit.nodes) archive.remove(address)
      ground.archiveChanged(now)
      return done
    case 'reset-parameters':
      archive.clear()
      ground.begin(now)
      return done
    case 'reset-data':
      ground.begin(now)
      return done
    default:
      return null
  }
}

function routeOrder(parts: OrderParts, unit: DownUnit): Verdict {
  const { desk, ground, led } = parts
  const isRadio = desk.medium === 'wireless'
  switch (unit.name) {
    case 'set-route':
      return desk.archive.find(unit.address) === null ? denial.notInArchive : done
    case 'set-route-mode':
      desk.isReading = unit.isReading
      return done
    case 'start-search':
      if (desk.routing === 'running') return denial.busy
      parts.search(unit.durationMin)
      return done
    case 'stop-search':
      parts.stopSearch()
      return done
    case 'set-network-scale':
      if (!isRadio) return denial.noSuchFunction
      if (unit.scale < 2 || unit.scale > 512) return denial.badUnit
      desk.networkScale = unit.scale
      return done
    case 'start-maintenance':
    case 'start-networking':
      if (!isRadio) return denial.noSuchFunction
      ground.networkFrom(desk.now + (unit.name === 'start-maintenance' ? maintenanceMs : 0), desk.now)
      return done
    case 'restart-routing':
    case 'resume-routing':
      // A module that never leads confirms without effect (facts §5).
      if (leads(desk)) unit.name === 'restart-routing' ? led.restart() : led.resume()
      return done
    case 'pause-routing':
      if (leads(desk)) led.pause()
      return done
    default:
      return null
  }
}

const leads = (desk: ModuleDesk): boolean =>
  desk.medium !== 'wireless' && (desk.quirks.periodMode ?? desk.figures.periodMode) !== 1

function localOrder(parts: OrderParts, unit: DownUnit): Verdict {
  const { desk, ground } = parts
  switch (unit.name) {
    case 'reset-hardware':
      desk.later(2 * commandMs, parts.restart)
      return done
    case 'set-main-node':
      if (unit.mainNode !== desk.mainNode) ground.begin(desk.now)
      desk.mainNode = unit.mainNode
      return isBroadcast(unit.mainNode) ? denial.badUnit : done
    case 'allow-reports':
      desk.reportsAllowed = unit.allowed
      return done
    case 'set-monitor-timeout':
      desk.monitorTimeoutS = unit.timeoutS
      return done
    case 'set-radio-parameters':
      if (desk.medium !== 'wireless') return denial.noSuchFunction
      desk.radioGroup = unit.channelGroup
      desk.radioPower = unit.power
      return done
    case 'set-uart-speed':
      return unit.speedBaud === 9600 ? done : denial.notSupported
    case 'set-band':
      if (desk.medium !== 'plc-hplc') return denial.noSuchFunction
      ground.begin(desk.now)
      return done
    case 'broadcast':
    case 'broadcast-long':
      return broadcast(parts, unit.payload)
    case 'transmit-test':
    case 'roll-call':
    case 'identify-area':
    case 'report-rejected':
    case 'set-rssi-threshold':
    case 'set-centre-clock':
      return done
    default:
      return null
  }
}

/** Confirmed before it is carried out, so the waiting time counts (facts §3, 03F10 byte 1 D5). */
function broadcast({ desk, carrier, exchanges }: OrderParts, payload: Uint8Array): Verdict {
  if (exchanges.isBusy || desk.routing === 'running') return denial.busy
  if (payload.length === 0) return denial.badUnit
  const { broadcastMs } = carrier
  desk.broadcastUntil = desk.now + broadcastMs
  desk.count('broadcast')
  carrier.broadcast(
    payload,
    [...desk.archive.nodes].map(({ address }) => address),
    () => undefined,
  )
  return { waitSeconds: Math.ceil(broadcastMs / 1000) }
}

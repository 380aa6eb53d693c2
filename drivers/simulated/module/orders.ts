import { isBroadcast, type DownMessage, type DownUnit } from '../../../src/protocols/gdw1376/index.js'
import type { Carrier } from './carrier.js'
import type { ModuleDesk } from './desk.js'
import { denial } from './denials.js'
import type { Exchanges } from './exchanges.js'
import { archiveFrameNodesMax, commandMs, maintenanceMs, type ModuleMedium } from './figures.js'
import { handle, type Handlers } from './handlers.js'
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

/** What becomes of an order: confirmed with a waiting time, or refused by a code. */
type Verdict = { readonly waitSeconds: number } | number

const done: Verdict = { waitSeconds: 0 }

/** Carries out what a concentrator orders. @returns false: the unit is no order */
export function obeyOrder(parts: OrderParts, message: DownMessage): boolean {
  const { desk } = parts
  const verdict = handle(orders, parts, message.unit)
  if (verdict === null) return false
  if (typeof verdict === 'number') desk.deny(message, verdict)
  else desk.confirm(message, verdict.waitSeconds)
  return true
}

const onlyFor = (desk: ModuleDesk, medium: ModuleMedium, act: () => Verdict): Verdict =>
  desk.medium === medium ? act() : denial.noSuchFunction

/** A module that never leads confirms without effect (facts §5). */
function route({ desk }: OrderParts, act: () => void): Verdict {
  if (desk.medium !== 'wireless' && (desk.quirks.periodMode ?? desk.figures.periodMode) !== concentratorLed) act()
  return done
}

const concentratorLed = 1
const accepted = (): Verdict => done

const orders: Handlers<OrderParts, Verdict> = {
  'add-nodes': addNodes,
  'delete-nodes': deleteNodes,
  'reset-parameters': ({ desk, ground }) => {
    desk.archive.clear()
    ground.begin(desk.now)
    return done
  },
  'reset-data': ({ desk, ground }) => {
    ground.begin(desk.now)
    return done
  },
  'reset-hardware': ({ desk, restart }) => {
    desk.later(2 * commandMs, restart)
    return done
  },
  'set-route': ({ desk }, { address }) => (desk.archive.find(address) === null ? denial.notInArchive : done),
  'set-route-mode': ({ desk }, { isReading }) => {
    desk.isReading = isReading
    return done
  },
  'start-search': ({ desk, search }, { durationMin }) => {
    if (desk.routing === 'running') return denial.busy
    search(durationMin)
    return done
  },
  'stop-search': ({ stopSearch }) => {
    stopSearch()
    return done
  },
  'set-network-scale': ({ desk }, { scale }) =>
    onlyFor(desk, 'wireless', () => {
      if (scale < scaleMin || scale > scaleMax) return denial.badUnit
      desk.networkScale = scale
      return done
    }),
  'start-maintenance': ({ desk, ground }) =>
    onlyFor(desk, 'wireless', () => {
      ground.networkFrom(desk.now + maintenanceMs, desk.now)
      return done
    }),
  'start-networking': ({ desk, ground }) =>
    onlyFor(desk, 'wireless', () => {
      ground.networkFrom(desk.now, desk.now)
      return done
    }),
  'restart-routing': (parts) => route(parts, () => parts.led.restart()),
  'resume-routing': (parts) => route(parts, () => parts.led.resume()),
  'pause-routing': (parts) => route(parts, () => parts.led.pause()),
  'set-main-node': ({ desk, ground }, { mainNode }) => {
    if (isBroadcast(mainNode)) return denial.badUnit
    if (mainNode !== desk.mainNode) ground.begin(desk.now)
    desk.mainNode = mainNode
    return done
  },
  'allow-reports': ({ desk }, { allowed }) => {
    desk.reportsAllowed = allowed
    return done
  },
  'set-monitor-timeout': ({ desk }, { timeoutS }) => {
    desk.monitorTimeoutS = timeoutS
    return done
  },
  'set-radio-parameters': ({ desk }, { channelGroup, power }) =>
    onlyFor(desk, 'wireless', () => {
      desk.radioGroup = channelGroup
      desk.radioPower = power
      return done
    }),
  'set-uart-speed': (_, { speedBaud }) => (speedBaud === 9600 ? done : denial.notSupported),
  'set-band': ({ desk, ground }) =>
    onlyFor(desk, 'plc-hplc', () => {
      ground.begin(desk.now)
      return done
    }),
  broadcast: (parts, { payload }) => broadcast(parts, payload),
  'broadcast-long': (parts, { payload }) => broadcast(parts, payload),
  'transmit-test': accepted,
  'roll-call': accepted,
  'identify-area': accepted,
  'report-rejected': accepted,
  'set-rssi-threshold': accepted,
  'set-centre-clock': accepted,
}

/** Scale of a radio network (facts §3, 11F100). */
const scaleMin = 2
const scaleMax = 512

function addNodes({ desk, ground }: OrderParts, { nodes }: Extract<DownUnit, { readonly name: 'add-nodes' }>): Verdict {
  const { archive, now, quirks } = desk
  if (nodes.length === 0 || nodes.length > archiveFrameNodesMax || archive.size + nodes.length > desk.nodesMax)
    return denial.badUnit
  if (quirks.refuses698 && nodes.some(({ protocol }) => protocol === 3)) return denial.badUnit
  if (nodes.some(({ address }) => archive.find(address) !== null || address === desk.mainNode)) return denial.duplicate
  for (const { address, protocol } of nodes) archive.add(address, protocol, now)
  ground.archiveChanged(now)
  return done
}

function deleteNodes({ desk, ground }: OrderParts, { nodes }: Extract<DownUnit, { readonly name: 'delete-nodes' }>): Verdict {
  const { archive, now } = desk
  if (nodes.length > archiveFrameNodesMax) return denial.badUnit
  if (nodes.some((address) => archive.find(address) === null)) return denial.notInArchive
  for (const address of nodes) archive.remove(address)
  ground.archiveChanged(now)
  return done
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

import { asked, ordered, type Entry } from './entry.js'
import { empty, meter, moduleId, node, page, rate } from './forms.js'
import { address, join, list, optional, raw, record, times, u16, u8, undivided, unsure, type Layout } from './layouts.js'
import { clock } from './text-layouts.js'
import { bit, bits, word } from './words.js'

const nodePage = record({ total: u16, nodes: list(node) })

/** A page that repeats where it starts. */
const pageOf = <T>(item: Layout<T>) => record({ total: u16, start: u16, nodes: list(item) })

/** `role` 1 STA, 2 PCO, 4 CCO. */
const topologyNode = join(record({ address, tei: u16, proxyTei: u16 }), word(1, { level: bits(0, 4), role: bits(4, 4) }))

/** `phaseBits` 1, 2, 4 = A, B, C; `isReversed`: live and neutral. */
const phaseNode = join(
  record({ address }),
  word(2, { phaseBits: bits(0, 3), isThreePhase: bit(3), isReversed: bit(4), phaseOrder: bits(5, 3) }),
)

/** `state` 0 reading, 1 searching, 2 upgrading, 3 other; `workSteps` 8 = idle; both lists by phase A, B, C. */
const runState = join(
  word(1, { learningDone: bit(0), working: bit(1), event: bit(2) }),
  record({ nodes: u16, read: u16, readThroughRelay: u16 }),
  word(1, {
    isReading: bit(0),
    registrationAllowed: bit(1),
    reportsAllowed: bit(2),
    identifiesArea: bit(3),
    state: bits(6, 2),
  }),
  rate,
  record({ relayLevels: times(3, u8), workSteps: times(3, u8) }),
)

/** 11 bytes, of which only the first seven are known. `relayLevel` 15: not in the network. */
const radioNode = join(record({ address }), word(1, { relayLevel: bits(0, 4), quality: bits(4, 4) }), record({ details: raw(4) }))

/** 33 bytes, of which only the address is known; one capture shows device type, a chip number and versions behind it. */
const chipNode = record({ address, details: raw(27) })

/** AFN 10, what the module's routing knows. Pages count from 1; the module may return fewer nodes than asked: go on by what came. */
export const routeQueries = {
  'node-count': asked(0x10, 1, empty, record({ nodeCount: u16, maxNodes: u16 })),
  nodes: asked(0x10, 2, page, nodePage),
  'node-relays': asked(0x10, 3, record({ address }), undivided),
  'run-state': asked(0x10, 4, empty, runState),
  'unread-nodes': asked(0x10, 5, page, nodePage),
  'registered-nodes': asked(0x10, 6, page, nodePage),
  'node-module-ids': asked(0x10, 7, page, unsure(pageOf(join(record({ address, deviceType: u8 }), moduleId)))),
  'network-scale': asked(0x10, 9, empty, record({ scale: u16 })),
  topology: asked(0x10, 21, page, pageOf(topologyNode)),
  phases: asked(0x10, 31, page, pageOf(phaseNode)),
  /** `idType`: a real request has one byte more than the description. */
  'node-id': asked(0x10, 40, record({ deviceType: u8, address, idType: optional(u8) }), undivided),
  'radio-network-scale': asked(0x10, 100, empty, record({ scale: u16 })),
  /** May come as several frames. */
  'radio-nodes': asked(0x10, 101, page, unsure(record({ total: u16, nodes: list(radioNode) }))),
  'node-signals': asked(0x10, 104, page, undivided),
  'neighbour-networks': asked(0x10, 111, empty, undivided),
  chips: asked(0x10, 112, page, pageOf(chipNode)),
} satisfies Readonly<Record<string, Entry>>

/** AFN 11, archive and network; all are confirmed. */
export const routeSettings = {
  'add-nodes': ordered(0x11, 1, record({ nodes: list(meter) })),
  'delete-nodes': ordered(0x11, 2, record({ nodes: list(address) })),
  /** A fixed route; its level is the number of relays. */
  'set-route': ordered(0x11, 3, record({ address, relays: list(address) })),
  /** `isReading` 0: learning. */
  'set-route-mode': ordered(
    0x11,
    4,
    join(word(1, { isReading: bit(0), registrationAllowed: bit(1), correction: bits(4, 4) }), rate),
  ),
  /** Nodes search and register from `time` on; a time slice is 150 ms. */
  'start-search': ordered(0x11, 5, record({ time: clock, durationMin: u16, repeats: u8, timeSlices: u8 })),
  'stop-search': ordered(0x11, 6, empty),
  /** RF: 2 to 512, 256 by default. */
  'set-network-scale': ordered(0x11, 100, record({ scale: u16 })),
  'start-maintenance': ordered(0x11, 101, empty),
  'start-networking': ordered(0x11, 102, empty),
} satisfies Readonly<Record<string, Entry>>

/** AFN 12: the module-led reading as a whole. */
export const routeControls = {
  'restart-routing': ordered(0x12, 1, empty),
  'pause-routing': ordered(0x12, 2, empty),
  'resume-routing': ordered(0x12, 3, empty),
} satisfies Readonly<Record<string, Entry>>

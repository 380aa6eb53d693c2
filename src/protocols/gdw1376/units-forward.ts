import { addressed, answered, asked, reported, type Entry } from './entry.js'
import { confirmation, empty, meter, meterFrame } from './forms.js'
import { address, counted, flag, join, list, record, rest, u16, u32, u8, undivided, type Layout } from './layouts.js'
import { clock } from './text-layouts.js'

/** AFN 00, both ways. The module's carry no address even when the request did. */
export const acknowledgements = {
  confirm: answered(0x00, 1, confirmation, confirmation),
  deny: answered(0x00, 2, record({ errorCode: u8 }), record({ errorCode: u8 })),
} satisfies Readonly<Record<string, Entry>>

/** `deviceType` 0 collector, 1 meter, 2 HPLC unit, 3 narrowband unit, 4 RF unit, 5 dual-mode unit. */
const reportedDevice = join(meter, record({ nodeNumber: u16, deviceType: u8, totalSubNodes: u8, subNodes: list(meter) }))

/** AFN 06, what a module reports by itself; each is answered by 00F1 with the module's sequence. */
export const reports = {
  'nodes-registered': reported(0x06, 1, record({ nodes: list(join(meter, record({ nodeNumber: u16 }))) })),
  /** The answer of a module-led read. `uplinkSeconds`: how long it was on the way. */
  'read-report': reported(0x06, 2, record({ nodeNumber: u16, protocol: u8, uplinkSeconds: u16, payload: counted(1) })),
  /** `finished` 1 reading, 2 search, 3 area identification. */
  'task-finished': reported(0x06, 3, record({ finished: u8 })),
  'devices-registered': reported(0x06, 4, record({ devices: list(reportedDevice) })),
  /** `protocol` 4: power off or on, 5: rejected nodes; the payload of both differs by maker. */
  'meter-event': reported(0x06, 5, join(record({ deviceType: u8 }), meterFrame)),
} satisfies Readonly<Record<string, Entry>>

/** `delayFlag`: the frame's contents depend on when it arrives, so the module asks for a correction (14F3). */
const routed = (lengthBytes: 1 | 2) =>
  record({ protocol: u8, delayFlag: flag, subNodes: list(address), payload: counted(lengthBytes) })
const routedAnswer = (lengthBytes: 1 | 2) => record({ uplinkSeconds: u16, protocol: u8, payload: counted(lengthBytes) })

/**
 * The delay flag of 14F1 down, which the edition of 2009 lacks (null): whether it is there shows in the length, and bytes that fit both
 * editions are taken for the newer one.
 */
const delayFlagOfEdition: Layout<boolean | null> = {
  read: (cursor) => {
    const left = cursor.bytes.subarray(cursor.at)
    const frameBytes = left[1] ?? 0
    const subNodes = left[2 + frameBytes] ?? 0
    return left.length === 3 + frameBytes + 6 * subNodes ? flag.read(cursor) : null
  },
  write: (value) => (value === null ? new Uint8Array() : flag.write(value)),
}

/** AFN 02, 13 and F1: frames to one meter and back. An empty payload of an answer: the meter did not answer. */
export const forwards = {
  forward: addressed(asked(0x02, 1, meterFrame, meterFrame)),
  monitor: addressed(asked(0x13, 1, routed(1), routedAnswer(1))),
  /** Edition 2024. */
  'monitor-long': addressed(asked(0x13, 2, routed(2), routedAnswer(2))),
  /** One frame or several of the same meter in `payload`; `reserved` only stands in the request. */
  'concurrent-read': addressed(
    asked(0xf1, 1, record({ protocol: u8, reserved: u8, payload: counted(2) }), record({ protocol: u8, payload: counted(2) })),
  ),
} satisfies Readonly<Record<string, Entry>>

/** AFN 14, what a module asks and the concentrator answers with the module's sequence. */
export const moduleQuestions = {
  /** Which frame for this meter? `readFlag` 0 failed, 1 done or skip, 2 read this. `phase` 0 unknown, 1–3 = A–C. */
  'next-frame': {
    ...answered(
      0x14,
      1,
      record({ readFlag: u8, delayFlag: delayFlagOfEdition, payload: counted(1), subNodes: list(address) }),
      record({ phase: u8, address, nodeNumber: u16 }),
    ),
    address: 'either',
  },
  clock: answered(0x14, 2, record({ time: clock }), empty),
  /** A frame whose contents depend on transit time, with the time predicted, and its corrected form; an empty one drops it. */
  'correct-frame': answered(
    0x14,
    3,
    record({ payload: counted(1) }),
    record({ address, delaySeconds: u16, payload: counted(1) }),
  ),
  'concentrator-data': answered(0x14, 4, undivided, record({ dataClass: rest })),
} satisfies Readonly<Record<string, Entry>>

/**
 * AFN 15. `fileId` 0 clear, 3 local module, 7 main and slaves, 8 slaves only; `attribute` 0 more, 1 last; answer: the segment
 * taken, FFFFFFFF = error.
 */
export const transfers = {
  'file-segment': asked(
    0x15,
    1,
    record({ fileId: u8, attribute: u8, command: u8, totalSegments: u16, segmentNumber: u32, segment: counted(2) }),
    record({ segmentNumber: u32 }),
  ),
} satisfies Readonly<Record<string, Entry>>

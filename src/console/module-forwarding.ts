import type { Bus, ExchangeOutcome, ExchangeRequest, Scanner } from '../ports/index.js'
import type { Denial } from '../protocols/gdw1376/index.js'
import type { ModuleLine, ModuleReply } from './module-line.js'
import type { RegisterView } from './views.js'

/** Kinds of modules that `probe --via` goes through, with the communication modes that are theirs. @source facts on Q/GDW 1376.2, §2.1 */
export const modulesByName: ReadonlyMap<string, readonly number[]> = new Map([
  ['plc', [3, 1, 2, 4]],
  ['wireless', [0x0a]],
])

/** Protocol types of 13F1, by the names of protocols that a module carries. @source facts on Q/GDW 1376.2, §2.5 */
export const carriedTypes: ReadonlyMap<string, number> = new Map([
  ['dlt645-1997', 1],
  ['dlt645-2007', 2],
  ['dlt698-45', 3],
])

export interface ForwardingOptions {
  readonly line: ModuleLine
  /** One of `carriedTypes`. */
  readonly protocol: string
  /** From the end of a request to the answer of the meter behind the module. */
  readonly meterWaitMs: number
}

/** A medium for one meter, and why it brought nothing the last time. */
export type ForwardingBus = Pick<Bus, 'exchange'> & { readonly trouble: () => RegisterView['error'] }

/** The longest frame of a meter that the one byte of 13F1's length can count. */
const payloadBytesMax = 255
/** From the end of a request to the answer of the module itself. @source facts on Q/GDW 1376.2, §6 */
const moduleWaitMs = 2_000
/** Transparent: narrowband modules know no DL/T 698.45. */
const transparent = 0
/** What a module that tells no address of its own is called. */
const noMainNode = '000000000000'

/**
 * Carries requests to one meter behind a local module by 13F1. The module's archive, its settings and its own reading stay as they are:
 * it is only asked for its address, for DL/T 698.45 what kind it is, and, when it is busy, what it does.
 */
export function forwardingBus(options: ForwardingOptions): ForwardingBus {
  const { line, protocol, meterWaitMs } = options
  const own = { waitMs: moduleWaitMs, repeats: 1 }
  let module: { readonly address: string; readonly type: number } | null = null
  let trouble: RegisterView['error'] = null

  const meet = async (): Promise<ModuleReply | null> => {
    const told = await line.ask({ name: 'main-node' }, own)
    if (told.kind !== 'answer' && told.kind !== 'denied') return told
    const address = told.kind === 'answer' && told.unit.name === 'main-node' ? told.unit.mainNode : noMainNode
    let type = carriedTypes.get(protocol) ?? transparent
    if (protocol === 'dlt698-45') {
      const mode = await line.ask({ name: 'run-mode' }, own)
      if (mode.kind === 'answer' && mode.unit.name === 'run-mode' && mode.unit.commMode === 1) type = transparent
    }
    module = { address, type }
    return null
  }

  const leads = async (): Promise<boolean> => {
    const state = await line.ask({ name: 'run-state' }, { ...own, repeats: 0 })
    return state.kind === 'answer' && state.unit.name === 'run-state' && state.unit.working
  }

  const fail = async (reply: Exclude<ModuleReply, { kind: 'answer' }>): Promise<ExchangeOutcome> => {
    if (reply.kind === 'bus-down') return { kind: 'bus-down', code: 'link', sent: true }
    if (reply.kind === 'garbled') return { kind: 'garbled', bytes: new Uint8Array() }
    const isBusy = reply.kind === 'silent' || reply.denial.action === 'back-off'
    if (isBusy && (await leads())) trouble = leadsByItself
    else trouble = reply.kind === 'silent' ? silence('neither the module nor the meter answered') : denied(reply.denial)
    return trouble.code === 'no-reply' ? { kind: 'silent' } : { kind: 'bus-down', code: trouble.code, sent: true }
  }

  const exchange = async ({ to, bytes, reply }: ExchangeRequest): Promise<ExchangeOutcome> => {
    trouble = null
    const unmet = module === null ? await meet() : null
    if (unmet !== null || module === null) {
      trouble = silence('the module does not answer')
      return { kind: 'bus-down', code: 'no-module', sent: false }
    }
    if (bytes.length > payloadBytesMax) return { kind: 'bus-down', code: 'too-long', sent: false }
    const carried = await line.ask(
      { name: 'monitor', protocol: module.type, delayFlag: false, subNodes: [], payload: bytes },
      {
        addresses: { source: module.address, relays: [], destination: to.padStart(12, '0') },
        waitMs: meterWaitMs,
        repeats: 0,
      },
    )
    if (carried.kind !== 'answer') return fail(carried)
    const payload = carried.unit.name === 'monitor' ? carried.unit.payload : new Uint8Array()
    if (payload.length === 0) trouble = silence('the module found the meter silent')
    return payload.length === 0 ? { kind: 'silent' } : replyIn(payload, reply)
  }

  return { exchange, trouble: () => trouble }
}

const silence = (message: string) => ({ code: 'no-reply', bits: [], message })

const leadsByItself = {
  code: 'module-leads',
  bits: [],
  message: 'the module reads by itself and carries nothing for others meanwhile; the daemon can pause it: use wattkeep read',
}

/** What the module said instead of an answer; that the meter or its node is silent is silence. @source facts on Q/GDW 1376.2, §3, 00H */
function denied({ code, meaning, action }: Denial): NonNullable<RegisterView['error']> {
  const isSilence = action === 'meter-fault' || action === 'retry-later'
  return {
    code: isSilence ? 'no-reply' : meaning,
    bits: [meaning],
    message: `the module refused: ${meaning} (00F2, code ${code})`,
  }
}

/** The meter's frame within what a module carried: wake-up bytes and noise may stand around it. */
function replyIn(payload: Uint8Array, scan: Scanner | 'none'): ExchangeOutcome {
  if (scan === 'none') return { kind: 'sent' }
  for (let at = 0; at < payload.length;) {
    const found = scan(payload.subarray(at))
    if (found.kind === 'frame') {
      const frame = payload.slice(at, at + found.length)
      return { kind: 'reply', frame, firstByteMs: 0, totalMs: 0, noiseBytes: payload.length - frame.length }
    }
    at += found.kind === 'noise' ? Math.max(1, found.skip) : 1
  }
  return { kind: 'garbled', bytes: payload }
}

import type { InputError } from '../../model/index.js'
import type { ModuleLine, ModuleReply } from '../module-line.js'
import { unitValues, type ModuleRegister } from '../module-units.js'
import type { RegisterView } from '../views.js'
import { linkError, openLink, type LinkOpening, type ProbeReport } from './probe.js'

export interface ModuleProbeOptions extends LinkOpening {
  readonly line: ModuleLine
  /** Whether the main node's address is asked first. */
  readonly finds: boolean
  readonly registers: readonly ModuleRegister[]
  readonly repeats: number
  readonly waitMs: number
}

/** Asks a local module for units that only look. Never rejects for what a wire does. */
export async function probeModule(options: ModuleProbeOptions): Promise<ProbeReport> {
  const trouble = await openLink(options)
  if (trouble !== null) return { ok: false, address: null, reads: [], error: linkError(trouble) }
  const { line, finds, registers } = options
  const found = finds ? await line.ask({ name: 'main-node' }, options) : null
  const address = found === null ? null : addressIn(found)
  if (address !== null && typeof address !== 'string') return { ok: false, address: null, reads: [], error: address }
  const reads: RegisterView[] = []
  for (const { register, unit } of registers) {
    // Each mode was tried in vain: nobody is there, and every further question would take as long.
    const isNobody = reads.length > 0 && !line.hasSpoken
    reads.push(isNobody ? notAsked(register) : viewOf(register, await line.ask(unit, options)))
  }
  return { ok: reads.every(({ error }) => error === null || error.code === 'refused'), address, reads }
}

function addressIn(reply: ModuleReply): string | InputError {
  if (reply.kind === 'answer' && reply.unit.name === 'main-node') return reply.unit.mainNode
  const { error } = viewOf('03F4', reply)
  return { code: error?.code ?? 'invalid', at: 'find', message: error?.message ?? 'the module told no address' }
}

const notAsked = (register: string): RegisterView => {
  return { register, values: [], error: { code: 'no-reply', bits: [], message: 'not asked: the module was silent before' } }
}

function viewOf(register: string, reply: ModuleReply): RegisterView {
  const failed = (code: string, message: string, bits: readonly string[] = []): RegisterView => {
    return { register, values: [], error: { code, bits, message } }
  }
  switch (reply.kind) {
    case 'answer':
      return { register, values: unitValues(reply.unit), error: null }
    case 'denied': {
      const { meaning, code } = reply.denial
      return failed('refused', `the module refused: ${meaning} (00F2, code ${code})`, [meaning])
    }
    case 'silent':
      return failed('no-reply', 'the module did not answer')
    case 'garbled':
      return failed('garbled', reply.message)
    case 'bus-down':
      return failed('bus-down', 'the link was not there')
  }
}

#!/usr/bin/env node
import { createInterface } from 'node:readline'
import { Command, CommanderError } from 'commander'
import { createLink, parseLinkUrl } from '../drivers/link/index.js'
import { createRs485Bus } from '../drivers/rs485/index.js'
import { showFrames, type FrameDecoder } from './console/commands/frame.js'
import { probe, probeText } from './console/commands/probe.js'
import type { InputError, MeterAddress } from './model/index.js'
import type { Log, MeterProtocol } from './ports/index.js'
import { describeFrame, dlt645 } from './protocols/dlt645/index.js'
import { createSystemClock, systemRandom, systemTimers } from './runtime/system-clock.js'

const decoders: readonly FrameDecoder[] = [{ protocol: dlt645.name, describe: (hex) => ({ ...describeFrame(hex) }) }]
const protocols: readonly MeterProtocol[] = [dlt645]
const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** A bad command line: told on standard error (or as JSON), exit status 2. */
class UsageError extends Error {
  readonly error: InputError
  constructor(error: InputError) {
    super(`${error.at}: ${error.message}`)
    this.error = error
  }
}

interface FrameFlags {
  readonly protocol?: string
  readonly json?: boolean
}

interface ProbeFlags {
  readonly link: string
  readonly protocol: string
  readonly address?: string
  readonly find?: boolean
  readonly read: readonly string[]
  readonly repeats: string
  readonly json?: boolean
}

const program = new Command('wattkeep')
  .description('Console of an electricity concentrator, and two tools that need no daemon: frame and probe')
  .showHelpAfterError('(add --help for what it takes)')
  .exitOverride()

program
  .command('frame')
  .description('decode a frame; with - one frame a line from standard input')
  .argument('<hex>', 'the frame in hexadecimal, or -')
  .option(
    '--protocol <name>',
    `one of ${decoders.map((decoder) => decoder.protocol).join(', ')}; default: whichever knows the frame`,
  )
  .option('--json', 'one line of JSON for each frame')
  .action(async (hex: string, flags: FrameFlags) => {
    const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })
    const options = { hex, lines, protocol: flags.protocol ?? null, json: flags.json ?? false, decoders, print }
    process.exitCode = await showFrames(options)
    lines.close()
  })

program
  .command('probe')
  .description('talk to one meter directly, without the daemon')
  .requiredOption('--link <link>', 'serial:/dev/ttyS1?baud=2400&parity=even or tcp://host:port')
  .requiredOption('--protocol <name>', `one of ${protocols.map((protocol) => protocol.name).join(', ')}`)
  .option('--address <address>', 'the meter’s address')
  .option('--find', 'ask the single connected meter for its address')
  .option('--read <register...>', 'registers to read', [])
  .option('--repeats <n>', 'how often a read is repeated after silence or noise', '2')
  .option('--json', 'one object as JSON')
  .action(async (flags: ProbeFlags) => {
    const report = await runProbe(flags)
    for (const line of flags.json === true ? [JSON.stringify(report)] : probeText(report)) print(line)
    process.exitCode = report.ok ? 0 : 1
  })

async function runProbe(flags: ProbeFlags) {
  const protocol = protocols.find((known) => known.name === flags.protocol)
  if (protocol === undefined) {
    const known = protocols.map((other) => other.name).join(', ')
    throw new UsageError({
      code: 'unknown-protocol',
      at: '--protocol',
      message: `expected one of ${known}, got ${JSON.stringify(flags.protocol)}`,
    })
  }
  const { address, registers, repeats } = checkProbe(flags, protocol)
  const spec = parseLinkUrl(flags.link)
  if (!spec.ok) throw new UsageError({ ...spec.error, at: `--link ${spec.error.at}` })
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: false })
  const link = createLink(spec.value, { clock, timers: systemTimers, random: systemRandom, log: silentLog })
  const bus = createRs485Bus({ link, clock, timers: systemTimers })
  try {
    return await probe({
      bus,
      protocol,
      clock,
      timers: systemTimers,
      address,
      registers,
      repeats,
      firstByteMs: 1000,
      openMs: 5000,
    })
  } finally {
    await bus.close()
  }
}

function checkProbe(
  flags: ProbeFlags,
  protocol: MeterProtocol,
): { address: MeterAddress | null; registers: string[]; repeats: number } {
  if ((flags.address === undefined) === (flags.find !== true)) {
    throw new UsageError({ code: 'address-or-find', at: '--address', message: 'expected either --address A or --find' })
  }
  if (flags.address !== undefined && flags.read.length === 0) {
    throw new UsageError({ code: 'nothing-to-read', at: '--read', message: 'expected at least one register' })
  }
  if (!/^[0-9]$/.test(flags.repeats)) throw new UsageError({ code: 'bad-number', at: '--repeats', message: 'expected 0 to 9' })
  const address = flags.address === undefined ? null : expectOk('--address', protocol.checkAddress(flags.address))
  const registers = flags.read.map((register) => expectOk('--read', protocol.checkRegister(register)))
  return { address, registers, repeats: Number(flags.repeats) }
}

function expectOk<T>(at: string, checked: { ok: true; value: T } | { ok: false; error: InputError }): T {
  if (checked.ok) return checked.value
  throw new UsageError({ ...checked.error, at })
}

const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

try {
  await program.parseAsync()
} catch (cause) {
  if (cause instanceof UsageError) {
    if (process.argv.includes('--json')) print(JSON.stringify({ ok: false, error: cause.error }))
    else process.stderr.write(`wattkeep: ${cause.message}\n`)
    process.exitCode = 2
  } else if (cause instanceof CommanderError) process.exitCode = cause.exitCode === 0 ? 0 : 2
  else throw cause
}

#!/usr/bin/env node
import { homedir } from 'node:os'
import { createInterface } from 'node:readline'
import { Command, CommanderError, type Argument } from 'commander'
import { tell, tellError, tellErrors, type CliWorld } from './console/cli-world.js'
import { showFrames } from './console/commands/frame.js'
import { probe, probeText, type LinkTrouble, type ProbeReport } from './console/commands/probe.js'
import type { ProbeFlags } from './console/commands/probe-flags.js'
import { frameProtocols, moduleProtocol } from './console/frame-protocols.js'
import { addKeys, addOrders } from './console/order-program.js'
import { addCheck, addLooking } from './console/program.js'
import { registerData } from './console/register-view.js'
import { askWithoutEcho } from './console/terminal-prompt.js'
import type { InputError } from './model/index.js'
import type { Clock, Link, Log } from './ports/index.js'
import { createSystemClock, systemRandom, systemTimers } from './runtime/system-clock.js'
import { softwareVersion } from './runtime/version.js'

/** A bad command line: all that is wrong is told on standard error (or as JSON), exit status 2. */
class UsageError extends Error {
  readonly errors: readonly InputError[]
  constructor(errors: readonly InputError[]) {
    super(errors.map(({ at, message }) => `${at}: ${message}`).join('; '))
    this.errors = errors
  }
}

interface FrameFlags {
  readonly protocol?: string
  readonly json?: boolean
}

/** What a shell gives a command that was ended by Ctrl-C. */
const interruptedStatus = 130
const openMsMax = 5_000

/** Options stand in a command's own help. */
const subcommandTerm = (command: Command): string => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' ')

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

const exitHelp = `
Exit status: 0 done; 1 asked, and the answer is no; 2 what was given is wrong,
and nothing was done; 3 the daemon could not be reached.`
const frameHelp =
  'the frame in hexadecimal: bytes one after another, or with blanks, : or - between them, 0x or not; ' +
  'or -: one frame a line from standard input, blank lines left out (no frame at all is status 0)'
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const interrupted = (): Promise<void> => new Promise((resolve) => process.once('SIGINT', () => resolve()))

// What only some commands need (ports, calendars, files of settings) is loaded by them: on a small box that is most of the time
// a command takes.
const world: CliWorld = {
  print,
  printError: (line) => void process.stderr.write(`${line}\n`),
  setExit: (status) => (process.exitCode = status),
  timers: systemTimers,
  interrupted,
  env: process.env,
  home: homedir(),
  prompt: process.stdin.isTTY ? (question) => askWithoutEcho(question, { input: process.stdin, output: process.stderr }) : null,
  decoders: async () => (await import('./console/decoders.js')).frameDecoders,
  readParameters: async (path) => (await import('./settings/index.js')).readParameterFile(path),
  checkSettings: async (path) => {
    const [{ checkSite }, { settingsChecks }] = [await import('./settings/index.js'), await import('./registry.js')]
    return checkSite(path, settingsChecks)
  },
}

const program = new Command('wattkeep')
  .description('Console of an electricity concentrator, and tools that need no daemon: frame, probe, check, key')
  .version(softwareVersion)
  .configureHelp({ subcommandTerm })
  .showHelpAfterError('(add --help for what it takes)')
  .addHelpText('after', exitHelp)
  .exitOverride()

addLooking(program, world)
addOrders(program, world)
addKeys(program, world)
addCheck(program, world)

program
  .command('frame')
  .description('say what a frame means, or what is wrong with it; exit status 2 when any frame is bad')
  .argument('<hex...>', frameHelp)
  .option('--protocol <name>', `one of ${frameProtocols.join(', ')}; default: whichever knows the frame`)
  .option('--json', 'one line of JSON for each frame')
  .action(async (words: readonly string[], flags: FrameFlags) => {
    const { protocol = null, json = false } = flags
    if (protocol !== null && !frameProtocols.some((name) => name === protocol)) {
      return tellError(world, flags, unknownProtocol(protocol))
    }
    const decoders = await world.decoders()
    const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })
    process.exitCode = await showFrames({ hex: words.join(' '), lines, protocol, json, decoders, print })
    lines.close()
  })

program
  .command('probe')
  .description('talk to one meter, or to a local module, directly and without the daemon')
  .requiredOption('--link <link>', '"serial:/dev/ttyS1?baud=2400&parity=even" (quoted, for & is the shell’s) or tcp://host:port')
  .requiredOption('--protocol <name>', 'dlt645-2007, dlt645-1997, dlt698-45 or modbus-rtu:NAME; gdw1376-2: the module itself')
  .option('--via <module>', 'plc or wireless: the meter is behind a module at the link, which carries frames to it')
  .option('--map <file>', 'a Modbus register map, or the name of one of config/modbus; default: that of NAME')
  .option('--address <address>', 'the meter’s address: 12 digits, for Modbus 1 to 247')
  .option('--find', 'ask the single connected meter, or the module, for its address')
  .option('--read <register...>', 'registers in the protocol’s notation: 0001FF00, 9010, 00100200, a code of the map, 03F10')
  .option('--repeats <n>', 'how often a read is repeated after silence or noise, 0 to 9; default: 2, with --via 0')
  .option('--wait <ms>', 'for the first byte of a reply; default: 1000, of a module 2000, with --via 90000')
  .option('--json', 'data for scripts: one line of JSON')
  .action(async (flags: ProbeFlags) => {
    const isModule = flags.protocol === moduleProtocol
    const report = await Promise.race([isModule ? runModuleProbe(flags) : runProbe(flags), interrupted()])
    if (report === undefined) process.exit(interruptedStatus)
    const json = { ...report, reads: report.reads.map(registerData) }
    tell(world, flags, { json, text: probeText(report, isModule ? 'module' : 'meter'), exit: report.ok ? 0 : 1 })
  })

async function runProbe(flags: ProbeFlags): Promise<ProbeReport> {
  const [{ protocolAsked }, { checkMeterFlags }] = [
    await import('./probe-protocol.js'),
    await import('./console/commands/probe-flags.js'),
  ]
  const found = protocolAsked({ name: flags.protocol, map: flags.map })
  if (!found.ok) throw new UsageError(found.error)
  const protocol = found.value
  const { asked, link, waiting } = await openProbe(flags, (faults) => checkMeterFlags(flags, protocol, faults))
  const medium = await openMedium(flags, { link, clock: waiting.clock, protocol: protocol.name, meterWaitMs: asked.firstByteMs })
  try {
    return await probe({ ...waiting, ...asked, ...medium, protocol })
  } finally {
    await medium.link.close()
  }
}

interface MediumParts {
  readonly link: Link
  readonly clock: Clock
  readonly protocol: string
  readonly meterWaitMs: number
}

/** The wire itself, or the module on it. */
async function openMedium({ via }: ProbeFlags, { link, clock, protocol, meterWaitMs }: MediumParts) {
  if (via === undefined) {
    const { createRs485Bus } = await import('../drivers/rs485/index.js')
    const bus = createRs485Bus({ link, clock, timers: systemTimers })
    return { link: bus, bus }
  }
  const { forwardingBus, modulesByName } = await import('./console/module-forwarding.js')
  const line = await openModule(link, modulesByName.get(via) ?? [])
  const bus = forwardingBus({ line, protocol, meterWaitMs })
  return { link: line, bus, trouble: bus.trouble }
}

async function runModuleProbe(flags: ProbeFlags): Promise<ProbeReport> {
  const [{ probeModule }, { checkModuleFlags }, { modulesByName }] = [
    await import('./console/commands/probe-module.js'),
    await import('./console/commands/probe-flags.js'),
    await import('./console/module-forwarding.js'),
  ]
  const { asked, link, waiting } = await openProbe(flags, (faults) => checkModuleFlags(flags, faults))
  const line = await openModule(link, [...modulesByName.values()].flat())
  try {
    return await probeModule({ ...waiting, ...asked, link: line, line })
  } finally {
    await line.close()
  }
}

async function openModule(link: Link, modes: readonly number[]) {
  const { ModuleLine } = await import('./console/module-line.js')
  return new ModuleLine({ link, timers: systemTimers, modes, firstSequence: Math.floor(256 * systemRandom.next()) })
}

/** The link that the flags name, not yet started, and what `check` says is asked; nothing is opened when anything is wrong. */
async function openProbe<T>(flags: ProbeFlags, check: (faults: InputError[]) => T) {
  const { createLink, parseLinkUrl } = await import('../drivers/link/index.js')
  const spec = parseLinkUrl(flags.link)
  const faults = spec.ok ? [] : spec.error.map((error) => ({ ...error, at: `--link ${error.at}` }))
  const asked = check(faults)
  if (!spec.ok || faults.length > 0) throw new UsageError(faults)
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: false })
  const { log, notOpen } = listenForTrouble()
  const link = createLink(spec.value, { clock, timers: systemTimers, random: systemRandom, log })
  return { asked, link, waiting: { clock, timers: systemTimers, openMs: openMsMax, notOpen } }
}

const unknownProtocol = (name: string): InputError => ({
  code: 'unknown-protocol',
  at: '--protocol',
  message: `expected one of ${frameProtocols.join(', ')}, got ${JSON.stringify(name)}`,
})

/** A link tells in its log why it does not open; nobody else reads this one. */
function listenForTrouble(): { readonly log: Log; readonly notOpen: Promise<LinkTrouble> } {
  let settle = (_trouble: LinkTrouble): void => undefined
  const notOpen = new Promise<LinkTrouble>((resolve) => (settle = resolve))
  const warn: Log['warn'] = (event, fields) => {
    if (event === 'link-not-open') settle({ code: String(fields?.['code']), message: String(fields?.['message']) })
  }
  return { log: { debug: () => {}, info: () => {}, warn, error: () => {} }, notOpen }
}

/** Help and version end here as well. What is wrong has been told on standard error already. */
function tellCommander({ code, message, exitCode }: CommanderError): void {
  process.exitCode = exitCode === 0 ? 0 : 2
  if (exitCode === 0 || !process.argv.includes('--json')) return
  const kebab = code.replace('commander.', '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  print(JSON.stringify({ ok: false, error: { code: kebab, at: 'command line', message: message.replace(/^error: /, '') } }))
}

// Whoever reads only the first lines closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  await program.parseAsync()
} catch (cause) {
  if (cause instanceof UsageError) {
    tellErrors(world, { json: process.argv.includes('--json') }, cause.errors)
    process.exitCode = 2
  } else if (cause instanceof CommanderError) tellCommander(cause)
  else throw cause
}

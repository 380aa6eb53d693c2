import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'
import { Command, InvalidArgumentError } from 'commander'
import { createKey, publicKeyOf, readKey } from '../../src/control/key-file.js'
import { topicIdPattern } from '../../src/control/order-schema.js'
import type { InputError, Result } from '../../src/model/index.js'
import { streams } from '../../src/model/index.js'
import { parseBrokerUrl } from '../../src/uplink/broker.js'
import type { BrokerSettings } from '../../src/uplink/broker.js'
import { Archive } from './archive.js'
import { bodyFromWords } from './order-words.js'
import { orderById, orderJsonSchema, queueOrder, readOrderBody } from './orders.js'
import type { OrderRow } from './orders.js'
import { report, reportNames, reportText } from './report.js'
import type { ReportName } from './report.js'
import { Station } from './station.js'

interface FileFlags {
  readonly db: string
  readonly json?: boolean
}

interface SignFlags extends FileFlags {
  readonly concentrator: string
  readonly key: string
  readonly keyId: string
  readonly pin?: string
  readonly valid: string
  readonly wait: string
}

interface RunFlags extends FileFlags {
  readonly broker: string
  readonly master: string
  readonly mqtt: string
  readonly ca?: string
  readonly cert?: string
  readonly tlsKey?: string
  readonly user?: string
  readonly passwordFile?: string
  readonly ackMs: string
}

/** A bad command line or a bad file: told on standard error, exit status 2. */
class UsageError extends Error {}

const program = new Command('master')
  .description('Reference master station: takes in the streams of concentrators, once, and sends them signed orders.')
  .showHelpAfterError('(add --help for what it takes)')

program
  .command('keys')
  .description('make a signing key (file of mode 0600) and show its public half, as it is registered at a concentrator')
  .argument('<what>', 'new or show', oneOf(['new', 'show']))
  .argument('<file>')
  .option('--pin <pin>', 'encrypts the file; PINs on a command line are seen by others on the machine')
  .option('--json')
  .action((what: string, file: string, flags: { pin?: string; json?: boolean }) => {
    const pin = flags.pin ?? null
    if (what === 'new') {
      if (existsSync(file)) throw new UsageError(`${file} exists; a key that is overwritten is lost`)
      const { privatePem } = need(createKey(pin))
      writeFileSync(file, privatePem, { mode: 0o600 })
      chmodSync(file, 0o600)
    }
    const publicKey = publicKeyOf(keyOf(file, pin))
    print(flags.json ?? false, { file, publicKey }, `public key: ${publicKey}`)
  })

withFile(program.command('run'))
  .description('stay connected: take in, acknowledge, send what is queued; ends on SIGINT or SIGTERM')
  .requiredOption('--broker <url>', 'mqtt://host:port or mqtts://host:port', brokerUrl)
  .requiredOption('--master <id>', 'this master’s id, as the concentrators’ settings name it', topicId)
  .option('--mqtt <version>', 'auto, 5 or 4 (3.1.1)', oneOf(['auto', '5', '4']), 'auto')
  .option('--ca <file>', 'authority of the broker’s certificate')
  .option('--cert <file>', 'own certificate')
  .option('--tls-key <file>', 'its key')
  .option('--user <name>', 'user name at the broker')
  .option('--password-file <file>', 'file with the password alone')
  .option('--ack-ms <n>', 'longest time between a commit and its acknowledgement', wholeNumber, '1000')
  .action(async (flags: RunFlags) => {
    const log = (event: string, fields: Readonly<Record<string, unknown>>): void => {
      const at = new Date().toISOString()
      const words = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`)
      print(flags.json ?? false, { at, event, ...fields }, [at, event, ...words].join(' '))
    }
    const options = {
      path: flags.db,
      master: flags.master,
      broker: brokerOf(flags),
      signing: null,
      ackMs: Number(flags.ackMs),
      log,
    }
    const station = new Station(options)
    station.start()
    await new Promise<void>((resolve) => {
      process.once('SIGINT', resolve)
      process.once('SIGTERM', resolve)
    })
    await station.close()
  })

withFile(program.command('show'))
  .description('what the station’s file says')
  .argument('[what]', [...reportNames, 'all'].join(', '), oneOf([...reportNames, 'all']), 'all')
  .option('--limit <n>', 'most rows of events, orders and alarms', wholeNumber, '50')
  .action((what: ReportName | 'all', flags: FileFlags & { limit: string }) => {
    const archive = opened(flags.db)
    for (const name of what === 'all' ? reportNames : [what]) {
      const table = report(archive, name, Number(flags.limit))
      print(flags.json ?? false, { report: table.title, rows: table.rows }, `${reportText(table)}\n`)
    }
    archive.close()
  })

withFile(program.command('gaps'))
  .description('numbers without a record: announced as gone, or missing below one that is there')
  .action((flags: FileFlags) => {
    const archive = opened(flags.db)
    const table = report(archive, 'gaps', 0)
    print(flags.json ?? false, { report: table.title, rows: table.rows }, reportText(table))
    archive.close()
  })

withSigning(program.command('order'))
  .description('sign an order and queue it; `run` sends it, after those of the same key before it')
  .argument('<kind>', 'credit, disconnect, read-now … (`order-schema` shows all with their fields)')
  .argument('[fields...]', 'field=value, limits.alarm1=value, registers=a,b, body=@file.json')
  .action((kind: string, words: readonly string[], flags: SignFlags) => order(need(bodyFromWords(kind, words)), flags))

withSigning(program.command('replay'))
  .description('ask for a range of a stream again')
  .argument('<stream>', streams.join(', '), oneOf(streams))
  .argument('<first>', 'number of the first record', wholeNumber)
  .argument('<count>', 'how many', wholeNumber)
  .action((stream: string, first: string, count: string, flags: SignFlags) =>
    order({ kind: 'replay', stream, first: Number(first), count: Number(count) }, flags),
  )

program
  .command('order-schema')
  .description('JSON schema of the body of every kind of order')
  .action(() => void process.stdout.write(`${JSON.stringify(orderJsonSchema(), null, 2)}\n`))

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

async function order(json: unknown, flags: SignFlags): Promise<void> {
  const body = need(readOrderBody(json))
  const key = keyOf(flags.key, flags.pin ?? null)
  const archive = new Archive(flags.db, () => Date.now())
  const wish = { concentrator: flags.concentrator, key: flags.keyId, body, validMs: Number(flags.valid) * 1000 }
  const queued = queueOrder(archive, wish, { key, now: Date.now() })
  const waitUntil = Date.now() + Number(flags.wait) * 1000
  let row: OrderRow = queued
  while (!isSettled(row) && Date.now() < waitUntil) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    row = orderById(archive, queued.id) ?? row
  }
  archive.close()
  const { id, number, kind, state, stage } = row
  const evidence = row.evidence === null ? null : (JSON.parse(row.evidence) as unknown)
  const text = `order ${id} (${kind}, number ${number}): ${state}${stage === null ? '' : `, ${stage}`} ${row.evidence ?? ''}`
  print(flags.json ?? false, { id, number, kind, state, stage, evidence }, text.trimEnd())
  if (state === 'refused' || state === 'expired' || (Number(flags.wait) > 0 && !isSettled(row))) process.exitCode = 1
}

function isSettled(row: OrderRow): boolean {
  if (row.state === 'refused' || row.state === 'expired') return true
  return row.stage === 'done' || row.stage === 'refused' || row.stage === 'failed' || row.stage === 'expired'
}

function withFile(command: Command): Command {
  return command.requiredOption('--db <file>', 'the station’s SQLite file').option('--json', 'one line of JSON for each answer')
}

function withSigning(command: Command): Command {
  return withFile(command)
    .requiredOption('--concentrator <id>', 'who is to carry it out', topicId)
    .requiredOption('--key <file>', 'signing key')
    .requiredOption('--key-id <id>', 'its id at the concentrator')
    .option('--pin <pin>', 'opens the key')
    .option('--valid <seconds>', 'how long it may be carried out', wholeNumber, '3600')
    .option('--wait <seconds>', 'how long to wait for what became of it', wholeNumber, '0')
}

function brokerOf(flags: RunFlags): BrokerSettings {
  const { passwordFile } = flags
  return {
    url: flags.broker,
    version: flags.mqtt === '5' ? 5 : flags.mqtt === '4' ? 4 : 'auto',
    clientId: null,
    username: flags.user ?? null,
    password: passwordFile === undefined ? null : () => readFileSync(passwordFile, 'utf8').trimEnd(),
    tls: { caPath: flags.ca ?? null, certPath: flags.cert ?? null, keyPath: flags.tlsKey ?? null, servername: null },
  }
}

function opened(path: string): Archive {
  if (!existsSync(path)) throw new UsageError(`${path} does not exist; \`run\` makes it`)
  return new Archive(path, () => Date.now())
}

function keyOf(path: string, pin: string | null): KeyObject {
  if (!existsSync(path)) throw new UsageError(`${path} does not exist; \`keys new\` makes one`)
  return need(readKey(readFileSync(path, 'utf8'), pin))
}

function need<T>(result: Result<T, InputError>): T {
  if (result.ok) return result.value
  throw new UsageError(`${result.error.at}: ${result.error.message}`)
}

function print(isJson: boolean, value: unknown, text: string): void {
  process.stdout.write(`${isJson ? JSON.stringify(value) : text}\n`)
}

function oneOf(words: readonly string[]): (word: string) => string {
  return (word) => {
    if (words.includes(word)) return word
    throw new InvalidArgumentError(`expected one of ${words.join(', ')}`)
  }
}

function wholeNumber(word: string): string {
  if (/^\d{1,9}$/.test(word)) return word
  throw new InvalidArgumentError('expected a whole number')
}

function topicId(word: string): string {
  if (topicIdPattern.test(word)) return word
  throw new InvalidArgumentError('expected an id: letters, digits, _ and -')
}

function brokerUrl(word: string): string {
  const parsed = parseBrokerUrl(word)
  if (parsed.ok) return word
  throw new InvalidArgumentError(parsed.error.message)
}

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { moduleProtocol } from './console/frame-protocols.js'
import { fail, ok, type InputError, type Result } from './model/index.js'
import type { MeterProtocol } from './ports/index.js'
import { protocols, settingsChecks } from './registry.js'
import { programFolder } from './runtime/version.js'
import { loadModbusMap } from './settings/index.js'

/** What a command line says of a protocol. */
export interface AskedProtocol {
  /** `dlt645-2007`, `modbus-rtu:NAME`, or `modbus-rtu` where the map gives the name. */
  readonly name: string
  /** A register map: a file, or the name of an example that comes with the program. Undefined: the example named by the protocol. */
  readonly map: string | undefined
}

const modbus = 'modbus-rtu'

/**
 * The protocol of this name, made of a register map where it needs one.
 *
 * @returns the protocol, or all that is wrong: `unknown-protocol`, `no-map`, `needless-map`, `mismatch`, and those of the map itself
 */
export function protocolAsked({ name, map }: AskedProtocol): Result<MeterProtocol, readonly InputError[]> {
  const own = protocols.get(name)
  if (own !== undefined) {
    return map === undefined ? ok(own) : refuse('needless-map', '--map', `${name} has its registers without a map`)
  }
  if (name !== modbus && !name.startsWith(`${modbus}:`)) return unknownProtocol(name)
  const file = map === undefined ? exampleFile(name.slice(modbus.length + 1)) : fileOf(map)
  if (file === null) {
    const message = `expected --map FILE, or one of ${modbusNames().join(', ')} alone`
    return refuse('no-map', '--map', message)
  }
  const protocol = loadModbusMap(file, settingsChecks)
  if (!protocol.ok) return fail(protocol.error.map((error) => ({ ...error, at: `--map ${error.at}` })))
  if (name === modbus || protocol.value.name === name) return protocol
  return refuse('mismatch', '--map', `the map is for ${protocol.value.name}, not for ${name}`)
}

function unknownProtocol(name: string): Result<never, readonly InputError[]> {
  const known = [...protocols.keys(), moduleProtocol, `${modbus}:NAME with --map FILE`, ...modbusNames()]
  return refuse('unknown-protocol', '--protocol', `expected one of ${known.join(', ')}, got ${JSON.stringify(name)}`)
}

const refuse = (code: string, at: string, message: string) => fail([{ code, at, message }])

const fileOf = (map: string): string => (existsSync(map) ? map : (exampleFile(map) ?? map))

const ending = '.yaml'

function exampleFile(name: string): string | null {
  const folder = exampleFolder()
  return folder !== null && exampleNames().includes(name) ? join(folder, `${name}${ending}`) : null
}

const modbusNames = (): readonly string[] => exampleNames().map((name) => `${modbus}:${name}`)

/** A map's file bears its name. */
function exampleNames(): readonly string[] {
  const folder = exampleFolder()
  const files = folder === null || !existsSync(folder) ? [] : readdirSync(folder)
  return files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length))
}

const exampleFolder = (): string | null => (programFolder === null ? null : join(programFolder, 'config', 'modbus'))

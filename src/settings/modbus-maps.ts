import { resolve } from 'node:path'
import { fail, ok, type InputError, type Result } from '../model/index.js'
import type { MeterProtocol } from '../ports/index.js'
import { namesIn, pathOf, Problems, type Source } from './problems.js'
import type { SettingsChecks } from './settings.js'
import { readYaml } from './yaml-source.js'

/** What a site's register maps make. */
export interface ModbusMaps {
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  /** Names of the protocols of all maps, also of bad ones. */
  readonly declared: ReadonlySet<string>
}

/** Makes protocols of register maps, one file for a kind of device; what is wrong is told with file, line and key. */
export function readModbusMaps(
  sources: readonly Source[],
  { modbusMaps }: Pick<SettingsChecks, 'modbusMaps'>,
  problems: Problems,
): ModbusMaps {
  const protocols = new Map<string, MeterProtocol>()
  const places = new Map<string, string>()
  for (const source of sources) {
    const protocol = modbusMaps.protocolOf(source.root)
    if (!protocol.ok) {
      for (const { code, at, message } of protocol.error) problems.add(code, source.at(pathOf(at)), message)
      continue
    }
    const { name } = protocol.value
    const earlier = places.get(name)
    if (earlier !== undefined) problems.add('twice', source.at(['name']), `${name} stands already at ${earlier}`)
    places.set(name, earlier ?? source.at(['name']))
    protocols.set(name, protocol.value)
  }
  const declared = new Set([...namesIn(sources, [], 'name')].map(modbusMaps.protocolName))
  return { protocols, declared }
}

/** Reads one register map from a file. @returns its protocol, or every problem there is */
export function loadModbusMap(
  path: string,
  checks: Pick<SettingsChecks, 'modbusMaps'>,
): Result<MeterProtocol, readonly InputError[]> {
  const problems = new Problems()
  const source = readYaml(resolve(path), problems)
  const { protocols } = readModbusMaps(source === null ? [] : [source], checks, problems)
  const [protocol] = protocols.values()
  return protocol === undefined || !problems.isEmpty ? fail(problems.list) : ok(protocol)
}

import { resolve } from 'node:path'
import { countText, fail, ok, type InputError, type Result } from '../model/index.js'
import { loadSettings } from './load-settings.js'
import { Problems } from './problems.js'
import type { SettingsChecks } from './settings.js'
import { readYaml } from './yaml-source.js'

/** Reads a file of a parameter set, YAML or JSON, as plain data: whoever takes the set judges it. */
export function readParameterFile(path: string): Result<unknown, InputError> {
  const problems = new Problems()
  const source = readYaml(resolve(path), problems)
  const [first] = problems.list
  if (source !== null && first === undefined) return ok(source.root)
  return fail(first ?? { code: 'bad-yaml', at: path, message: 'holds nothing' })
}

/**
 * Reads a whole site as the daemon would.
 *
 * @returns what it is, in a sentence; or every problem there is
 */
export function checkSite(path: string, checks: SettingsChecks): Result<string, readonly InputError[]> {
  const loaded = loadSettings(path, checks)
  if (!loaded.ok) return loaded
  const { concentrator, links, parameters, masters } = loaded.value
  const { meters, tasks, tariffs } = parameters
  return ok(
    `${concentrator}: ${countText(links.length, 'link')}, ${countText(meters.length, 'meter')}, ` +
      `${countText(tasks.length, 'task')}, ${countText(tariffs.length, 'tariff version')}, ${countText(masters.length, 'master')}`,
  )
}

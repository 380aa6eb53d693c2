import { fail, ok, type InputError, type Result } from '../../src/model/index.js'
import { windowMax, type ModuleChoice, type ReadingWay } from './settings.js'

type Reading = ModuleChoice['reading']

/**
 * Checks the `options` of a link in the site's settings, all at once: `reading`, `window`, `mainNode`, `reports`.
 *
 * @param ways ways of reading that this medium has at all
 * @param known further options, which the medium checks itself
 * @returns the choice, or every fault: `unknown-key`, `bad-value`
 */
export function checkModuleOptions(
  options: Readonly<Record<string, unknown>>,
  ways: readonly ReadingWay[],
  known: readonly string[] = [],
): Result<ModuleChoice, readonly InputError[]> {
  const faults: InputError[] = []
  const complain = (key: string, message: string): void =>
    void faults.push({ code: 'bad-value', at: `options.${key}`, message: `expected ${message}` })
  const names = ['reading', 'window', 'mainNode', 'reports', ...known]
  for (const key of Object.keys(options))
    if (!names.includes(key))
      faults.push({ code: 'unknown-key', at: `options.${key}`, message: `expected one of ${names.join(', ')}` })
  const { reading = 'auto', window = null, mainNode = null, reports = true } = options
  const readings: readonly Reading[] = ['auto', ...ways]
  const chosen = readings.find((way) => way === reading)
  if (chosen === undefined) complain('reading', `one of ${readings.join(', ')}`)
  if (!isWindow(window)) complain('window', `a whole number from 1 to ${windowMax}`)
  if (!isMainNode(mainNode)) complain('mainNode', '12 decimal digits, not all zeros or nines')
  if (typeof reports !== 'boolean') complain('reports', 'true or false')
  if (faults.length > 0 || chosen === undefined || !isWindow(window) || !isMainNode(mainNode) || typeof reports !== 'boolean')
    return fail(faults)
  return ok({ reading: chosen, window, mainNode, reports })
}

const isWindow = (value: unknown): value is number | null =>
  value === null || (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= windowMax)

const isMainNode = (value: unknown): value is string | null =>
  value === null || (typeof value === 'string' && /^\d{12}$/.test(value) && !/^(0{12}|9{12})$/.test(value))

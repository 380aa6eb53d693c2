import type { InputError, Meter } from '../model/index.js'
import { noneTwice, unknown } from './cross-checks.js'
import type { Placed, Problems } from './problems.js'
import type { LinkSettings, SettingsChecks } from './settings.js'

/** What is wrong with links by themselves: by their driver, and borne twice. */
export function checkLinks(links: readonly Placed<LinkSettings>[], checks: SettingsChecks, problems: Problems): void {
  noneTwice(links, 'link', (link) => link.id, problems)
  noneTwice(links, 'the address', (link) => link.url.replace(/\?.*$/, ''), problems)
  for (const { value: link, at } of links) {
    const check = checks.drivers.get(link.driver)
    if (check === undefined) {
      problems.add('unknown-driver', at(['driver']), unknown('driver', link.driver, checks.drivers.keys()))
      continue
    }
    const result = check(link.url, link.options)
    const faults = result.ok ? [] : result.error
    for (const fault of faults) addFault(fault, at, problems)
  }
}

/** A fault of an option stands at the option, one of the address at the address. */
function addFault({ code, at: place, message }: InputError, at: Placed<LinkSettings>['at'], problems: Problems): void {
  const [head, ...path] = place.split('.')
  if (head === 'options') problems.add(code, at([head, ...path]), message)
  else problems.add(code, at(['url']), `${place}: ${message}`)
}

/** What is wrong with links and the meters behind them together. */
export function checkBehind(
  links: readonly Placed<LinkSettings>[],
  meters: readonly Placed<Meter>[],
  checks: SettingsChecks,
  problems: Problems,
): void {
  const linkOf = new Map(links.map((link) => [link.value.id, link]))
  for (const { value: meter, at } of meters) {
    const link = linkOf.get(meter.link)
    if (link === undefined) continue
    const { driver, options } = link.value
    if (checks.carries?.(driver, meter.protocol) === false)
      problems.add('not-carried', at(['protocol']), `${driver} carries no ${meter.protocol}: such meters hang on wires`)
    const { mainNode } = options
    if (typeof mainNode === 'string' && mainNode.padStart(12, '0') === meter.address) {
      const message = `${mainNode} is the address of meter ${meter.id}: expected one that no meter has`
      problems.add('twice', link.at(['options', 'mainNode']), message)
    }
  }
}

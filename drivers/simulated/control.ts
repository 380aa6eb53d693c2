import { z } from 'zod'
import { linkId } from '../../src/model/index.js'
import type { SimulatedArea } from './area.js'
import { moduleVendors, noModuleQuirks } from './module/index.js'
import type { AreaServer } from './tcp-server.js'

/** What a control line can reach. */
export interface ControlledArea {
  readonly area: SimulatedArea
  /** The server of each link. */
  readonly servers: ReadonlyMap<string, AreaServer>
  /** Ends the simulation. */
  readonly stop: () => void
}

const meter = z.string().min(1)
const hundredths = z.number().int().min(0).max(99_999_999)
const share = z.number().int().min(0).max(1_000_000)
const link = z.string().min(1)

/** Every command as a line of JSON; `meter` is an address or an id of the archive, energies are hundredths of a kWh. */
const commands = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('meters') }),
  z.strictObject({ do: z.literal('truth'), meter }),
  z.strictObject({ do: z.literal('relay'), meter: meter.optional() }),
  z.strictObject({ do: z.literal('press'), meter }),
  z.strictObject({ do: z.literal('kill'), meter }),
  z.strictObject({ do: z.literal('revive'), meter }),
  z.strictObject({ do: z.literal('energy'), meter, hundredths }),
  z.strictObject({ do: z.literal('load'), meter, watts: z.number().int().min(-80_000).max(80_000).nullable() }),
  z.strictObject({ do: z.literal('clock'), meter, aheadMs: z.number().int() }),
  z.strictObject({ do: z.literal('replace'), meter, by: z.string().regex(/^[0-9]{12}$/), hundredths }),
  z.strictObject({ do: z.literal('unplug'), link }),
  z.strictObject({ do: z.literal('plug'), link }),
  z.strictObject({
    do: z.literal('faults'),
    link,
    lostRequestsPpm: share.optional(),
    lostRepliesPpm: share.optional(),
    flippedPpm: share.optional(),
    truncatedPpm: share.optional(),
    duplicatedPpm: share.optional(),
    noisePpm: share.optional(),
    echo: z.boolean().optional(),
  }),
  z.strictObject({ do: z.literal('statistics') }),
  z.strictObject({ do: z.literal('module'), link }),
  z.strictObject({ do: z.literal('restart'), link }),
  z.strictObject({ do: z.literal('wipe'), link }),
  z.strictObject({ do: z.literal('swap'), link, by: z.enum(['plain', 'terse', 'odd', 'old']) }),
  z.strictObject({ do: z.literal('stop') }),
])
type Command = z.infer<typeof commands>

/**
 * Carries out one line of JSON, such as `{"do":"press","meter":"m1-001"}`.
 *
 * @returns one line of JSON: `{"ok":true,"value":…}` or `{"ok":false,"error":"…"}`
 */
export function controlLine(world: ControlledArea, line: string): string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    return refused(`no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const command = commands.safeParse(value)
  if (!command.success)
    return refused(command.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '))
  try {
    return JSON.stringify({ ok: true, value: carryOut(world, command.data) ?? null })
  } catch (error) {
    // An unknown meter or link, or an address that is taken.
    if (error instanceof RangeError) return refused(error.message)
    throw error
  }
}

const refused = (error: string): string => JSON.stringify({ ok: false, error })

function carryOut(world: ControlledArea, command: Command): unknown {
  const { area } = world
  switch (command.do) {
    case 'meters':
      return listMeters(area)
    case 'truth':
      return { ...area.truth(command.meter), contact: area.meter(command.meter).relay.contact }
    case 'relay':
      return command.meter === undefined ? area.relayLog() : area.relayActions(command.meter)
    case 'press':
      return area.press(command.meter)
    case 'kill':
    case 'revive':
      return area.meter(command.meter).setDead(command.do === 'kill')
    case 'energy':
      return area.meter(command.meter).setForward(command.hundredths, area.now())
    case 'load':
      return area.setWatts(command.meter, command.watts)
    case 'clock':
      return setClock(area, command.meter, command.aheadMs)
    case 'replace':
      return area.replace(command.meter, command.by, command.hundredths).truth(area.now())
    case 'unplug':
    case 'plug':
      return serverOf(world, command.link).setPlugged(command.do === 'plug')
    case 'faults':
      return setFaults(area, command)
    case 'statistics':
      return Object.fromEntries([...world.servers].map(([name, server]) => [name, server.statistics]))
    case 'module':
      return describeModule(area, command.link)
    case 'restart':
      return area.module(linkId(command.link)).restart()
    case 'wipe':
      return area.module(linkId(command.link)).loseArchive()
    case 'swap':
      return area.module(linkId(command.link)).replace({ ...noModuleQuirks, ...moduleVendors[command.by] })
    case 'stop':
      return world.stop()
  }
}

function listMeters(area: SimulatedArea): unknown {
  const now = area.now()
  return area.buses.flatMap((bus) =>
    [...bus.wire.meters.values()].map((one) => ({
      address: one.address,
      link: bus.link,
      dead: one.isDead(now),
      contact: one.relay.contact,
    })),
  )
}

/** What a module has counted, and how far its network is. */
function describeModule(area: SimulatedArea, name: string): unknown {
  const module = area.module(linkId(name))
  const { wire } = area.bus(linkId(name))
  const nodes = [...wire.meters.keys()].map((address) => ({ address, ...module.node(address.padStart(12, '0')) }))
  const inNetwork = nodes.filter((node) => node.inNetwork).length
  return {
    medium: module.medium,
    mainNode: module.mainNode,
    archive: module.archiveSize,
    inNetwork,
    counts: module.counts,
    nodes,
  }
}

function setClock(area: SimulatedArea, name: string, aheadMs: number): void {
  const now = area.now()
  area.meter(name).setClock(now + area.options.utcOffsetMinutes * 60_000 + aheadMs, now)
}

function setFaults(area: SimulatedArea, command: Extract<Command, { do: 'faults' }>): void {
  const { do: _, link: name, ...changes } = command
  const { wire } = area.bus(linkId(name))
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
  wire.faults = { ...wire.faults, ...given }
}

function serverOf(world: ControlledArea, name: string): AreaServer {
  const server = world.servers.get(name)
  if (server === undefined) throw new RangeError(`no server serves link ${name}`)
  return server
}

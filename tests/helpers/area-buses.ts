import type { ModuleChoice, ModuleSettings } from '../../drivers/module/index.js'
import { createPlcBus } from '../../drivers/plc/index.js'
import type { SimulatedArea, VirtualTime } from '../../drivers/simulated/index.js'
import {
  createRadioModemBus,
  createRadioModuleBus,
  defaultRadioSettings,
  type RadioSettings,
} from '../../drivers/wireless/index.js'
import type { LinkId } from '../../src/model/index.js'
import type { Bus, MeshNetwork } from '../../src/ports/index.js'

export interface AreaBusOptions {
  readonly area: SimulatedArea
  readonly time: VirtualTime
  readonly choice?: Partial<ModuleChoice>
  readonly settings?: Partial<ModuleSettings>
  readonly radio?: Partial<RadioSettings>
  /** The network is told the archive's meters; default true. */
  readonly setsNodes?: boolean
}

/** A bus with the network behind it, where there is one. */
export type AreaBusUnderTest = Bus & { readonly network?: Required<MeshNetwork> }

/**
 * The bus of any link of an area, in virtual time: the simulated one on RS-485 (which passes the same contract as the real one), the
 * real drivers on everything else.
 */
export function openAreaBus(link: LinkId, options: AreaBusOptions): AreaBusUnderTest {
  const bus = makeBus(link, options)
  const { area, setsNodes = true } = options
  const meters = area.archive.filter((meter) => meter.link === link)
  if (setsNodes) bus.network?.setNodes(meters.map(({ address, protocol }) => ({ address, protocol })))
  return bus
}

function makeBus(link: LinkId, { area, time, choice, settings, radio }: AreaBusOptions): AreaBusUnderTest {
  const { kind } = area.bus(link)
  if (kind === 'rs485') return area.openBus(link)
  const common = { link: area.openLink(link, 256), clock: time, timers: time, utcOffsetMinutes: area.options.utcOffsetMinutes }
  if (kind === 'radio-modem') return createRadioModemBus({ ...common, settings: defaultRadioSettings(radio) })
  const chosen = { reading: 'auto' as const, window: null, mainNode: null, reports: true, ...choice }
  const module = { ...common, ...(settings === undefined ? {} : { settings }) }
  if (kind !== 'wireless') return createPlcBus({ ...module, choice: chosen })
  return createRadioModuleBus({ ...module, choice: { channelGroup: null, power: null, scale: null, ...chosen } })
}

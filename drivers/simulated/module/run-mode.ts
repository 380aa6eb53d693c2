import type { RunMode } from '../../../src/protocols/gdw1376/index.js'
import type { ModuleDesk } from './desk.js'
import type { ModuleQuirks } from './quirks.js'

/** Maker, chip, date and number of the firmware. */
export function vendorVersion({ vendor, chip, version }: ModuleQuirks) {
  return { vendor, chip, versionDate: '2021-03-13', version } as const
}

/** What a module says of itself (facts §3, 03F10). */
export function runMode(desk: ModuleDesk): RunMode {
  const { figures, quirks, medium, mainNode, archive } = desk
  return {
    commMode: figures.commMode,
    ownRouting: true,
    needsArchive: true,
    periodMode: quirks.periodMode ?? figures.periodMode,
    delaySupport: medium === 'wireless' ? 6 : 0,
    switchover: 1,
    confirmsBroadcastFirst: true,
    broadcastChannels: 0,
    channels: 1,
    powerLossCapability: quirks.lastGasp ? 1 : 0,
    regionalUse: 0,
    slaveTimeoutS: figures.slaveTimeoutS,
    broadcastTimeoutS: 90,
    maxFrame: figures.maxFrame,
    maxFilePacket: figures.maxFilePacket,
    upgradeWaitMin: 5,
    mainNode,
    maxSlaves: desk.nodesMax,
    currentSlaves: archive.size,
    protocolDate: '2013-09-18',
    recordDate: '2013-03-21',
    ...vendorVersion(quirks),
    rates: [],
  }
}

/** Error codes of 00F2 (facts §3). */
export const denial = {
  badUnit: 1,
  noSuchFunction: 4,
  duplicate: 6,
  notInArchive: 7,
  meterSilent: 8,
  busy: 9,
  notSupported: 10,
  nodeSilent: 11,
  notInNetwork: 12,
  aboveWindow: 109,
  tooManyFrames: 110,
  meterBusy: 111,
} as const

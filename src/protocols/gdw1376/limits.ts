/**
 * Most bytes of a frame: a concurrent read of 2000 bytes (older HPLC firmware, facts §3 F1H) with address field and 15 relays.
 * A longer one is never sent, and in a stream its start is taken for noise. A module says in its run mode (03F10) what it takes itself.
 */
export const frameBytesMax = 2121
/** Fewest bytes of a frame. */
export const frameBytesMin = 15
/** Preamble bytes FE that are taken with a frame; of a longer run the first ones are noise. */
export const preambleBytesMax = 16
/** Relays of one frame: more do not fit the four bits of the relay level. */
export const relaysMax = 15
/** Nodes to ask for in one page of a node list; the module may return fewer (facts §3, 10H). */
export const pageNodesMax = 15
/** Nodes to add or delete in one frame: 10 to 20 are seen, modules refuse more than 30 to 32 (facts §3, 11H). */
export const archiveNodesMax = 20
/** Neighbours to ask for at once (03F3). */
export const neighboursMax = 16
/** Meter frames in one concurrent read: benches take 6 for normal and 16 for too many (facts §3, F1H). */
export const concurrentFramesMax = 6
/** Concurrent reads under way, and the number a module refuses for certain (facts §4.5). One per meter in any case. */
export const concurrentReadsUsual = 5
export const concurrentReadsMax = 20

import type { Scanner } from '../../src/ports/index.js'
import { searchFrame, searchFrameAnywhere } from '../link/index.js'
import type { Asked } from './bus-state.js'

/** What received bytes hold: perhaps the request's echo, noise, a frame, and bytes that are not judged yet. */
export interface Found {
  readonly echo: Uint8Array | null
  /** The bytes are a beginning of the request so far. */
  readonly mayEcho: boolean
  readonly noise: Uint8Array
  readonly frame: Uint8Array | null
  readonly rest: Uint8Array
}

const none: Uint8Array = new Uint8Array(0)
const silent: Scanner = () => ({ kind: 'incomplete' })

/** Looks for the echo, then for the reply. */
export function findReply(asked: Asked, bytes: Uint8Array): Found {
  const { request } = asked
  if (!asked.mayEcho) return scan(scannerOf(asked), bytes)
  const same = commonLength(bytes, request.bytes)
  if (same === request.bytes.length) return { ...scan(scannerOf(asked), bytes.subarray(same)), echo: request.bytes }
  if (same === bytes.length) return { echo: null, mayEcho: true, noise: none, frame: null, rest: bytes }
  return scan(scannerOf(asked), bytes)
}

/** Nothing more will come: a true frame may stand inside a false start. */
export function rescan(asked: Asked, bytes: Uint8Array): Found {
  return { echo: null, mayEcho: false, ...searchFrameAnywhere(scannerOf(asked), bytes) }
}

const scan = (scanner: Scanner, bytes: Uint8Array): Found => ({ echo: null, mayEcho: false, ...searchFrame(scanner, bytes) })

const scannerOf = (asked: Asked): Scanner => (asked.request.reply === 'none' ? silent : asked.request.reply)

function commonLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  let same = 0
  while (same < length && a[same] === b[same]) same++
  return same
}

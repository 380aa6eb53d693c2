/** The frame of the 1997 edition is that of the 2007 one: start, address, bias, checksum, end (facts, first table). */
export { checksum, countWakeUp, dataBytesMax, decodeFrame, encodeFrame, type DecodedFrame, type Frame } from '../dlt645/codec.js'

import { isBitRead, type ModbusMap, type ModbusRegister, type ReadFunction } from './register-map.js'
import { readBitsMax } from './requests.js'

/** Registers that one request brings. */
export interface Block {
  readonly function: ReadFunction
  readonly start: number
  readonly count: number
  readonly registers: readonly ModbusRegister[]
}

/**
 * Joins registers into as few requests as the map's limits allow: of one function, neighbours or with at most `gapMax` between them,
 * together not longer than a request may be. Overlapping registers share what they have in common.
 */
export function planBlocks(
  registers: readonly ModbusRegister[],
  limits: Pick<ModbusMap, 'wordsMax' | 'gapMax'>,
): readonly Block[] {
  const sorted = [...new Set(registers)].sort((a, b) => a.function - b.function || a.address - b.address)
  const blocks: Block[] = []
  for (const register of sorted) {
    const last = blocks.at(-1)
    const joined = last === undefined ? null : joinedBlock(last, register, limits)
    if (joined === null) blocks.push(blockOf(register.function, [register]))
    else blocks[blocks.length - 1] = joined
  }
  return blocks
}

/** A block of two registers or more in two halves, for a device that refuses it as a whole. */
export function splitBlock({ function: code, registers }: Block): readonly Block[] {
  const middle = Math.ceil(registers.length / 2)
  return [blockOf(code, registers.slice(0, middle)), blockOf(code, registers.slice(middle))]
}

function joinedBlock(
  block: Block,
  register: ModbusRegister,
  { wordsMax, gapMax }: Pick<ModbusMap, 'wordsMax' | 'gapMax'>,
): Block | null {
  if (block.function !== register.function || register.address > block.start + block.count + gapMax) return null
  const joined = blockOf(block.function, [...block.registers, register])
  return joined.count <= (isBitRead(block) ? readBitsMax : wordsMax) ? joined : null
}

/** @param registers at least one */
function blockOf(code: ReadFunction, registers: readonly ModbusRegister[]): Block {
  const start = Math.min(...registers.map(({ address }) => address))
  const end = Math.max(...registers.map(({ address, count }) => address + count))
  return { function: code, start, count: end - start, registers }
}

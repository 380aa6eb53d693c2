import { hash32 } from '../random.js'
import type { ModuleQuirks } from './quirks.js'

/** One line of a module's list. */
export interface ArchivedNode {
  /** 12 digits. */
  readonly address: string
  readonly protocol: number
  /** Counts from 1 in the order of adding. */
  readonly number: number
  /** True time. */
  readonly addedAt: number
}

/** The nodes that a module has been told of; it keeps them without power. */
export class NodeArchive {
  readonly #nodes = new Map<string, ArchivedNode>()
  #next = 1
  #version = 0

  get size(): number {
    return this.#nodes.size
  }

  /** Changes with every change of the list. */
  get version(): number {
    return this.#version
  }

  get nodes(): Iterable<ArchivedNode> {
    return this.#nodes.values()
  }

  find(address: string): ArchivedNode | null {
    return this.#nodes.get(address) ?? null
  }

  /** @returns false: it is there already with this protocol; another protocol takes the place of the old one */
  add(address: string, protocol: number, trueMs: number): boolean {
    const old = this.#nodes.get(address)
    if (old?.protocol === protocol) return false
    this.#version++
    this.#nodes.set(address, { address, protocol, number: old?.number ?? this.#next++, addedAt: old?.addedAt ?? trueMs })
    return true
  }

  /** @returns false: it was not there */
  remove(address: string): boolean {
    if (!this.#nodes.delete(address)) return false
    this.#version++
    return true
  }

  clear(): void {
    this.#nodes.clear()
    this.#next = 1
    this.#version++
  }

  /** All nodes in the order in which this module lists them. */
  listed(order: ModuleQuirks['nodeOrder']): readonly ArchivedNode[] {
    const nodes = [...this.#nodes.values()]
    switch (order) {
      case 'added':
        return nodes
      case 'address':
        return nodes.sort((a, b) => (a.address < b.address ? -1 : 1))
      case 'mixed':
        return nodes.sort((a, b) => hash32(a.number, 7) - hash32(b.number, 7) || a.number - b.number)
    }
  }
}

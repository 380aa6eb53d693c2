import { dataForm, type Data } from './data.js'
import { fixed, list, nothing, octets, oneOf, record, unsigned, type Form, type ValueOf } from './forms.js'

/** Data in a selector. Asked at reading time: data and selectors hold one another, and neither file can be loaded first. */
const anyData: Form<Data> = {
  read: (reader) => dataForm.read(reader),
  write: (data, writer) => dataForm.write(data, writer),
}

/** OAD or OMD, eight hexadecimal digits: OI, attribute or method, element or mode (facts §2.1). */
export const oadForm = fixed(4)
/** date_time_s without a tag: year, month, day, hour, minute, second. */
const moment = fixed(7)
/** Unit (0 s … 5 year) and number. */
const interval = fixed(3)

/** An object's record with columns. */
export const roadForm = record({ oad: oadForm, columns: list(oadForm) })
/** One column: an attribute, or attributes within a record. */
export const columnForm = oneOf('a column', {
  OAD: { tags: [0], form: record({ oad: oadForm }) },
  ROAD: { tags: [1], form: roadForm },
})
/** RCSD: the columns of a record. */
export const columnsForm = list(columnForm)
export type Column = ValueOf<typeof columnForm>

/** Kind of its bounds (own knowledge: 0 [), 1 (], 2 [], 3 ()), from, to. */
export const regionForm = record({ bounds: unsigned(1), from: anyData, to: anyData })

/** MS: which meters a terminal is to ask (facts §2.2). */
export const meterSetForm = oneOf('a set of meters', {
  none: { tags: [0], form: nothing },
  all: { tags: [1], form: nothing },
  types: { tags: [2], form: record({ types: list(unsigned(1)) }) },
  addresses: { tags: [3], form: record({ addresses: list(octets) }) },
  numbers: { tags: [4], form: record({ numbers: list(unsigned(2)) }) },
  typeRanges: { tags: [5], form: record({ ranges: list(regionForm) }) },
  addressRanges: { tags: [6], form: record({ ranges: list(regionForm) }) },
  numberRanges: { tags: [7], form: record({ ranges: list(regionForm) }) },
})

const range = record({ oad: oadForm, from: anyData, to: anyData, interval: anyData })
const spanOfMeters = record({ from: moment, to: moment, interval, meters: meterSetForm })

/** RSD: which rows of a record (facts §2.2). Times of `started` to `succeeded` have no tag, values of `equal` and `range` do. */
export const selectorForm = oneOf('a record selector', {
  none: { tags: [0], form: nothing },
  /** Rows whose column has the value. */
  equal: { tags: [1], form: record({ oad: oadForm, value: anyData }) },
  /** Rows whose column stands within [from, to) (own), each interval. */
  range: { tags: [2], form: range },
  ranges: { tags: [3], form: record({ ranges: list(range) }) },
  started: { tags: [4], form: record({ at: moment, meters: meterSetForm }) },
  stored: { tags: [5], form: record({ at: moment, meters: meterSetForm }) },
  startedWithin: { tags: [6], form: spanOfMeters },
  storedWithin: { tags: [7], form: spanOfMeters },
  succeededWithin: { tags: [8], form: spanOfMeters },
  /** The last rows. */
  last: { tags: [9], form: record({ count: unsigned(1) }) },
  lastOf: { tags: [10], form: record({ count: unsigned(1), meters: meterSetForm }) },
})
export type Selector = ValueOf<typeof selectorForm>

/** SID: identifier and additional data, opaque. */
export const securityIdForm = record({ id: fixed(4), more: octets })
/** SID_MAC, opaque. */
export const securityMacForm = record({ sid: securityIdForm, mac: octets })

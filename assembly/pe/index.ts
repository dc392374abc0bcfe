// The module of array models: every export is a kernel of the table (src/kernels/table.ts).
export * from './bit-planes'
export * from './gather-rows'

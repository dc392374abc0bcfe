// The tensor module: what networks from elsewhere need besides the kernels of the core. It works on the core's memory. Every
// export is a kernel of the table (src/kernels/table.ts).
export * from './combine'
export * from './dense'
export * from './depthwise'
export * from './gather'
export * from './map'
export * from './matmul'
export * from './move'
export * from './pairs'
export * from './panels'
export * from './reduce'
export * from './resample'

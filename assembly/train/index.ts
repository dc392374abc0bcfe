// The training module: every export is a kernel of the table (src/kernels/table.ts).
export {} 

/** The third-party parts of this entry, bundled into one file (scripts/build.mjs), so that the package has no dependencies. */
export { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
export {
  type AttributeProto,
  AttributeProto_AttributeType,
  ModelProtoSchema,
  type NodeProto,
  type NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
} from 'onnx-buf'

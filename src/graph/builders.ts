/**
 * Ready-made graphs to train: every weighted node is followed by a batchnorm node (also the last), so that folding finds
 * a scale and a bias for each output channel. Node names are canonical (names.ts).
 */
export { ChainBuilder, type Mark } from './builders/chain.js'
export { type LenetOptions, type LenetStage, lenet, type MlpOptions, mlp } from './builders/lenet.js'
export { type MixerOptions, mlpMixer } from './builders/mixer.js'
export { type MobilenetOptions, mobilenetV1, mobilenetV2 } from './builders/mobilenet.js'
export {
  type FoldedStages,
  type ResnetCifarOptions,
  type ResnetOptions,
  resnet,
  resnetCifar,
} from './builders/resnet.js'
export { type Resnet9Options, resnet9 } from './builders/resnet9.js'
export { type ConvnetOptions, convnet, type VggOptions, type VggSmallOptions, vgg, vggSmall } from './builders/vgg.js'

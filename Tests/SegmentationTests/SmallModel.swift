import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

/// What a tower would give for 64×64 pixels at stride 8: an 8×8 grid of width 16.
struct ModelBatch {
  let images: Tensor
  let encoded: EncodedImages

  init(side: Int = 64, stride: Int = 8, width: Int = 16, layers: [Int] = []) throws {
    let grid = side / stride
    images = try .seeded([2, 3, side, side], 1)
    encoded = EncodedImages(
      dense: try .seeded([2, grid, grid, width], 2), image: try .seeded([2, width], 3),
      layers: try layers.map { layer in
        // The first layers have a grid twice as fine, as a ResNet's stages do.
        let fine = layer < 4 ? 2 * grid : grid
        return try .seeded([2, fine, fine, sixLayerWidths[layer - 1]], UInt64(10 + layer))
      })
  }
}

/// Six layers, of two widths.
let sixLayerWidths = [10, 12, 10, 12, 10, 12]

func smallModel(
  _ method: MethodChoice, fill: Fill = .features, seed: UInt64 = 9,
  _ change: (inout ModelConfiguration) -> Void = { _ in }, options: (inout MCDRL.Options) -> Void = { _ in }
) throws -> SegmentationModel {
  var configuration = ModelConfiguration()
  configuration.method = method.changing(MCDRL.self) {
    $0.region?.fill = fill
    $0.intervention?.depth = 2
    options(&$0)
  }
  configuration.head.detailWidths = [4, 8, 8, 8]
  configuration.head.gridWidth = 6
  change(&configuration)
  let model = try SegmentationModel(
    configuration, text: someText(width: 16), towerWidths: sixLayerWidths, gridStride: 8, seed: seed)
  model.train(false)
  return model
}

func smallLogits(_ model: SegmentationModel, _ pass: ForwardPass = ForwardPass()) throws -> Tensor {
  let batch = try ModelBatch()
  return try model(images: batch.images, encoded: batch.encoded, pass).logits
}

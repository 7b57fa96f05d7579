/// Intersection over union of the bands along the inner side of two boundaries.
///
/// Cheng, Girshick, Dollár, Berg and Kirillov, "Boundary IoU: Improving Object-Centric Image
/// Segmentation Evaluation", CVPR 2021, as in their `boundary-iou-api`. The band is the mask minus
/// its erosion by `d` passes of a 3×3 square. These are the mask pixels that are at most `d` away
/// from background, along rows, columns or diagonals. Pixels outside the image count as background.
/// `d` is 2 % of the image diagonal in pixels, rounded (halves to even), at least 1.
public enum BoundaryIoU {
  /// The default width of the bands, as a share of the image diagonal.
  public static let defaultRatio = 0.02

  /// Returns the width of the bands in pixels for an image size.
  ///
  /// - Parameters:
  ///   - width: The image's columns.
  ///   - height: The image's rows.
  ///   - ratio: The share of the diagonal.
  /// - Returns: The width of the band in pixels, at least 1.
  public static func bandWidth(width: Int, height: Int, ratio: Double = defaultRatio) -> Int {
    let wanted = (ratio * PixelSpacing.diagonal(width: width, height: height, nil)).rounded(.toNearestOrEven)
    return max(1, Int(min(wanted, Double(max(width, height)))))
  }

  /// Computes the score of a prediction, from 0 to 1.
  ///
  /// Both masks empty: 1. Exactly one empty: 0. See ``EmptyMaskPolicy``. A mask that is not empty
  /// has a band.
  ///
  /// - Parameters:
  ///   - prediction: The predicted mask.
  ///   - reference: The reference mask of the expert.
  ///   - ratio: The width of the bands as a share of the image diagonal, 0 or more.
  /// - Returns: Intersection over union of the two bands.
  /// - Throws: ``MetricError`` (`sizeMismatch`) if the masks differ in size.
  public static func score(
    prediction: BinaryMask, reference: BinaryMask, ratio: Double = defaultRatio
  ) throws -> Double {
    try BinaryMask.requireSameSize(prediction: prediction, reference: reference)
    guard let box = BoundingBox(around: prediction, reference) else { return 1 }
    let width = bandWidth(width: reference.width, height: reference.height, ratio: ratio)
    // Beyond the rectangle both masks are background, as they are beyond the image. So the crop
    // changes no band.
    return try OverlapCounts(
      prediction: prediction.cropped(to: box).innerBand(width),
      reference: reference.cropped(to: box).innerBand(width)
    ).iou
  }
}

extension BinaryMask {
  /// Returns the mask pixels within `distance` steps of background, to any of 8 neighbours.
  ///
  /// - Parameter distance: The width of the band in pixels, at least 1.
  /// - Returns: The mask minus its erosion by a square of `2 · distance + 1` pixels; pixels outside
  ///   the image count as background.
  func innerBand(_ distance: Int) -> BinaryMask {
    let (width, height) = (self.width, self.height)
    let side = Int32(clamping: 2 * distance + 1)
    var band = pixels
    guard 2 * distance + 1 <= min(width, height) else { return self }
    var inRow = [UInt8](repeating: 0, count: width)
    // For each column, this counts the consecutive rows up to here with a full horizontal window.
    var run = [Int32](repeating: 0, count: width)
    pixels.withUnsafeBufferPointer { mask in
      band.withUnsafeMutableBufferPointer { band in
        inRow.withUnsafeMutableBufferPointer { inRow in
          run.withUnsafeMutableBufferPointer { run in
            for y in 0..<height {
              var length: Int32 = 0
              for x in 0..<width {
                length = mask[y * width + x] != 0 ? length &+ 1 : 0
                if x >= distance { inRow[x - distance] = length >= side ? 1 : 0 }
              }
              for x in 0..<width { run[x] = inRow[x] != 0 ? run[x] &+ 1 : 0 }
              guard y >= 2 * distance else { continue }
              let middle = (y - distance) * width
              for x in 0..<width where run[x] >= side { band[middle + x] = 0 }
            }
          }
        }
      }
    }
    return BinaryMask(uncheckedWidth: width, height: height, pixels: band)
  }
}

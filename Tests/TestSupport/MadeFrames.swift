import Foundation
import Imaging
import Torch

/// Frames that a test makes, in place of a file.
package final class MadeFrames: FrameSource {
  package let width: Int
  package let height: Int
  package let frameRate: Double? = 25
  package let duration: Double?
  package let frameCount: Int?
  package let endedEarly = false
  package let undecodedPackets: Int
  package let storage: VideoStorage? = nil
  /// Counts the frames that were read.
  package let read = Tally()
  private let times: [Double]
  private let picture: (Int) -> Image
  private let failure: (index: Int, error: any Error)?
  private let damaged: Set<Int>

  /// Makes a source.
  ///
  /// - Parameters:
  ///   - times: the timestamp of each frame in seconds, in milliseconds exactly.
  ///   - failure: the frame in whose place an error is thrown.
  ///   - damaged: the frames that the decoder reports as damaged, each as a packet that it could not
  ///     decode.
  ///   - picture: makes the picture of a frame.
  package init(
    times: [Double], failure: (index: Int, error: any Error)? = nil, damaged: Set<Int> = [],
    picture: @escaping (Int) -> Image
  ) {
    let first = picture(0)
    (width, height) = (first.width, first.height)
    (duration, frameCount) = (times.last, times.count)
    undecodedPackets = damaged.count
    (self.times, self.picture, self.failure, self.damaged) = (times, picture, failure, damaged)
  }

  /// Makes a source of pictures at 25 frames a second.
  package convenience init(_ pictures: [Image]) {
    self.init(times: pictures.indices.map { Double($0) / 25 }) { pictures[$0] }
  }

  package func next() throws -> VideoFrame? {
    let index = read.value
    if let failure, failure.index == index { throw failure.error }
    guard index < times.count else { return nil }
    read.add()
    return VideoFrame(
      index: index, pts: Int64((times[index] * 1000).rounded()), timeBase: (1, 1000), image: picture(index),
      isDamaged: damaged.contains(index))
  }
}

/// Pictures like those of an endoscope, small and without a file.
package enum TissueScene {
  /// A picture: a coloured ground with fine structure, in a round view on black, or filling the frame.
  ///
  /// - Parameters:
  ///   - seed: the structure.
  ///   - colour: red, green and blue of the ground.
  ///   - isRound: whether the view is round on black.
  ///   - width: the width.
  ///   - height: the height.
  /// - Returns: the picture.
  /// - Throws: `ImagingError` for a side below 1.
  package static func picture(
    _ seed: UInt64, colour: [Int] = [190, 90, 80], isRound: Bool = false, width: Int = 96, height: Int = 64
  ) throws -> Image {
    var random = SplitMix(seed: seed)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(3 * width * height)
    let radius = 0.48 * Double(min(width, height))
    for y in 0..<height {
      for x in 0..<width {
        let (dx, dy) = (Double(x) + 0.5 - Double(width) / 2, Double(y) + 0.5 - Double(height) / 2)
        let grain = Int.random(in: -15...15, using: &random)
        let isDark = isRound && dx * dx + dy * dy > radius * radius
        pixels += colour.map { isDark ? 0 : UInt8(min(255, max(0, $0 + grain))) }
      }
    }
    return try Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  /// A picture of one colour.
  package static func plain(_ colour: [UInt8], width: Int = 96, height: Int = 64) throws -> Image {
    try Image(
      width: width, height: height, channels: 3, pixels: (0..<width * height).flatMap { _ in colour })
  }

  /// The mean of the 5×5 pixels around each pixel.
  package static func blurred(_ image: Image) throws -> Image {
    let large = try image.tensor.to(.float32).expandedDimension(0).padded([2, 2, 2, 2], mode: "replicate")
    return try Image(large.averagePool(5, stride: 1).squeezed(0).rounded().to(.uint8))
  }
}

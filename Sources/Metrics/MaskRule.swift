import Torch

/// The whole rule that turns the lesion probabilities of an image into a mask.
///
/// The threshold marks pixels. Then holes are filled, and small lesions are removed. The areas are
/// in per mille of the image's area, so that they mean the same at every size. The defaults leave
/// the mask of the threshold as it is.
public struct MaskRule: Hashable, Sendable {
  /// The rule of lesion pixels.
  public var threshold: MaskThreshold
  /// The area of the smallest lesion, in per mille of the image; smaller ones are removed.
  ///
  /// A lesion is a connected component (8-connectivity). 0 keeps all.
  public var smallestLesion: Double
  /// The area of the largest hole that is filled, in per mille of the image; 0 fills none.
  ///
  /// A hole is a part of the background (4-connectivity) that does not touch the image's edge.
  public var fillHoles: Double

  /// Makes a rule.
  ///
  /// - Parameters:
  ///   - threshold: the rule of lesion pixels.
  ///   - smallestLesion: the area of the smallest lesion, in per mille of the image.
  ///   - fillHoles: the area of the largest hole that is filled, in per mille of the image.
  public init(_ threshold: MaskThreshold = 0.5, smallestLesion: Double = 0, fillHoles: Double = 0) {
    (self.threshold, self.smallestLesion, self.fillHoles) = (threshold, smallestLesion, fillHoles)
  }

  /// Whether the rule is the threshold alone.
  public var isThresholdAlone: Bool { smallestLesion <= 0 && fillHoles <= 0 }

  /// Marks the lesion pixels of maps.
  ///
  /// - Parameter maps: probabilities from 0 to 1, …×H×W on the CPU; each map is an image.
  /// - Returns: bool, …×H×W.
  /// - Throws: `TorchError` for fewer than two dimensions.
  public func mask(_ maps: Tensor) throws -> Tensor {
    try cleaned(threshold.mask(maps))
  }

  /// Fills the holes of masks, and removes their small lesions.
  ///
  /// - Parameter marked: the masks of the threshold, bool, …×H×W on the CPU; each is of an image.
  /// - Returns: bool, …×H×W.
  /// - Throws: `TorchError` if memory is short.
  package func cleaned(_ marked: Tensor) throws -> Tensor {
    let shape = marked.shape
    guard !isThresholdAlone, shape.count >= 2, shape.reduce(1, *) > 0 else { return marked }
    let (height, width) = (shape[shape.count - 2], shape[shape.count - 1])
    let flat = try marked.reshaped([-1, height, width])
    let masks = try (0..<flat.size(0)).map { index -> Tensor in
      let mask = try BinaryMask(
        width: width, height: height, pixels: flat.selected(dim: 0, index: index).to(.uint8).array())
      return try Tensor(self.cleaned(mask).pixels, shape: [height, width])
    }
    return try Tensor.stacked(masks).to(.bool).reshaped(shape)
  }

  /// Fills the holes of a mask, and removes its small lesions.
  ///
  /// - Parameter mask: the mask of the threshold.
  /// - Returns: a mask of the same size.
  /// - Throws: `TorchError` if memory is short.
  public func cleaned(_ mask: BinaryMask) throws -> BinaryMask {
    let pixels = Double(mask.width * mask.height)
    let filled = fillHoles > 0 ? try mask.fillingHoles(upTo: fillHoles / 1000 * pixels) : mask
    return smallestLesion > 0 ? try filled.keepingLesions(from: smallestLesion / 1000 * pixels) : filled
  }

  /// The rule in words, after "a pixel is lesion from …" or "Prediction: …".
  package var rule: String { ([threshold.rule] + cleaning).joined(separator: "; ") }

  /// The removal of lesions and the filling of holes in words; empty for none.
  package var cleaning: [String] {
    (fillHoles > 0 ? ["holes up to \(fillHoles) ‰ of the image filled"] : [])
      + (smallestLesion > 0 ? ["lesions below \(smallestLesion) ‰ of the image removed"] : [])
  }
}

extension BinaryMask {
  /// Fills the holes of at most an area.
  ///
  /// A hole is a part of the background whose pixels share sides, and that does not touch the
  /// image's edge. So a ring of pixels that touch at corners alone encloses one.
  ///
  /// - Parameter area: the area of the largest hole, in pixels.
  /// - Returns: a mask of the same size.
  /// - Throws: `TorchError` if memory is short.
  package func fillingHoles(upTo area: Double) throws -> BinaryMask {
    try changing { part in
      let background = try BinaryMask(
        width: part.width, height: part.height, pixels: Tensor(part.pixels).equals(0).to(.uint8).array())
      let holes = ConnectedComponents(of: background, connectivity: .sides)
      // The part is cut out close to the lesions, so what touches its edge is open.
      var fills = [false] + holes.areas.map { Double($0) <= area }
      let (width, last) = (part.width, part.height - 1)
      for x in 0..<width {
        fills[Int(holes.labels[x])] = false
        fills[Int(holes.labels[last * width + x])] = false
      }
      for y in 0...last {
        fills[Int(holes.labels[y * width])] = false
        fills[Int(holes.labels[y * width + width - 1])] = false
      }
      // Label 0 is lesion.
      fills[0] = true
      return (holes, fills)
    }
  }

  /// Removes the lesions of less than an area.
  ///
  /// - Parameter area: the area of the smallest lesion that stays, in pixels.
  /// - Returns: a mask of the same size.
  /// - Throws: `TorchError` if memory is short.
  package func keepingLesions(from area: Double) throws -> BinaryMask {
    try changing { part in
      let lesions = ConnectedComponents(of: part)
      return (lesions, [false] + lesions.areas.map { Double($0) >= area })
    }
  }

  /// Replaces the rectangle around the lesions by a choice of its components.
  ///
  /// - Parameter choice: the components of the rectangle, and whether each is lesion, from label 0.
  /// - Returns: a mask of the same size.
  /// - Throws: the error of the choice, or `TorchError` if memory is short.
  private func changing(
    _ choice: (BinaryMask) throws -> (components: ConnectedComponents, isLesion: [Bool])
  ) throws -> BinaryMask {
    guard let box = BoundingBox(around: self, self) else { return self }
    let part = cropped(to: box)
    let (components, isLesion) = try choice(part)
    let table = try Tensor(isLesion.map { $0 ? UInt8(1) : 0 })
    let new: [UInt8] = try table.indexed(Tensor(components.labels).to(.int64)).array()
    guard part.pixels.count < pixels.count else {
      return BinaryMask(uncheckedWidth: width, height: height, pixels: new)
    }
    var all = pixels
    for (row, y) in box.rows.enumerated() {
      let start = y * width + box.columns.lowerBound
      all.replaceSubrange(
        start..<start + part.width, with: new[row * part.width..<(row + 1) * part.width])
    }
    return BinaryMask(uncheckedWidth: width, height: height, pixels: all)
  }
}

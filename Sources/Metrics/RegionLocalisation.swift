import Torch

/// How well a region score finds lesions on the feature grid, and their share in the selection.
///
/// A position of the h×w grid is lesion if at least half of its part of the mask is. A lesion is a
/// connected component of the lesion positions of the grid (8-connectivity). It is kept if at least
/// half of its positions are selected.
public struct RegionLocalisation: Codable, Equatable, Sendable {
  /// The score of one image.
  public struct Image: Equatable, Sendable {
    /// S^, row by row.
    public let score: [Float]
    /// The mask on the grid.
    public let lesion: BinaryMask
    /// Whether each position is selected, row by row.
    public let selected: [Bool]

    /// Makes an image from its parts.
    ///
    /// - Throws: `MetricError.pixelCount` if they are not of one grid.
    public init(score: [Float], lesion: BinaryMask, selected: [Bool]) throws {
      for count in [score.count, selected.count] {
        try BinaryMask.requirePixels(count, width: lesion.width, height: lesion.height)
      }
      self.score = score
      self.lesion = lesion
      self.selected = selected
    }

    /// Makes the images of a batch.
    ///
    /// - Parameters:
    ///   - score: S^, B×h×w.
    ///   - masks: B×1×S×S of 0 and 1.
    ///   - positions: the selected positions, int64 B×N.
    /// - Returns: B images.
    /// - Throws: `TorchError` if the shapes do not match.
    public static func batch(score: Tensor, masks: Tensor, positions: Tensor) throws -> [Image] {
      let sizes = try score.sizes(rank: 3, "the region score")
      let (height, width) = (sizes[1], sizes[2])
      let grid = try masks.averagePool(height: height, width: width).atLeast(0.5)
      return try (0..<sizes[0]).map { row in
        var selected = [Bool](repeating: false, count: height * width)
        for position in try positions.selected(dim: 0, index: row).array(of: Int.self) {
          selected[position] = true
        }
        return try Image(
          score: score.selected(dim: 0, index: row).floats(),
          lesion: BinaryMask(
            width: width, height: height,
            values: grid.selected(dim: 0, index: row).to(.float32).floats().map { $0 != 0 }),
          selected: selected)
      }
    }
  }

  /// The number of images, with and without a lesion.
  public let count: Int
  /// The number of images that have a lesion on the grid.
  public let withLesion: Int
  /// AUC of score against mask, mean over images with a lesion on the grid; nil without one.
  public let area: Double?
  /// AUC over the positions of all images together.
  ///
  /// It shows whether a score means the same in every image.
  public let pooledArea: Double?
  /// The number of lesion positions of all images.
  public let positions: Int
  /// The share of lesion positions that is selected; nil if there are none.
  public let positionRecall: Double?
  /// The number of lesions of all images.
  public let lesions: Int
  /// The share of lesions that is kept; nil if there are none.
  public let lesionRecall: Double?

  enum CodingKeys: String, CodingKey {
    case count = "n"
    case withLesion = "n_with_lesion"
    case area = "auc"
    case pooledArea = "auc_pooled"
    case positions
    case positionRecall = "position_recall"
    case lesions
    case lesionRecall = "lesion_recall"
  }

  /// Scores images.
  public init(_ images: [Image]) {
    var areas: [Double] = []
    var (positions, found, lesions, kept) = (0, 0, 0, 0)
    for image in images where !image.lesion.isEmpty {
      if let area = AreaUnderCurve.of(image.score, positive: image.lesion.pixels.map { $0 == 1 }) {
        areas.append(area)
      }
      let components = ConnectedComponents(of: image.lesion)
      var selected = [Int](repeating: 0, count: components.count)
      for (label, isSelected) in zip(components.labels, image.selected) where label > 0 && isSelected {
        selected[Int(label) - 1] += 1
      }
      positions += image.lesion.count
      found += selected.reduce(0, +)
      lesions += components.count
      kept += zip(selected, components.areas).count { 2 * $0 >= $1 }
    }
    count = images.count
    withLesion = images.count { !$0.lesion.isEmpty }
    area = areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
    pooledArea = AreaUnderCurve.of(
      images.flatMap(\.score), positive: images.flatMap { $0.lesion.pixels.map { $0 == 1 } })
    self.positions = positions
    positionRecall = positions == 0 ? nil : Double(found) / Double(positions)
    self.lesions = lesions
    lesionRecall = lesions == 0 ? nil : Double(kept) / Double(lesions)
  }
}

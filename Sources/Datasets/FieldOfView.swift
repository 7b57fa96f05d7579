import Metrics
import Torch

/// The endoscope's view in an image: what is left without dark borders and what stands on them.
///
/// The image is reduced to a grid of 96×96 means. A cell is bright if its brightest colour exceeds
/// the level of the border, at most 32 of 255, by more than 9. Only the largest piece of touching
/// bright cells counts, if it has at least half of them, so text and inset pictures beside the view do
/// not. The view has the rows and columns of which enough cells are left: half as many as of the
/// brightest tenth. So a small picture that touches the view does not widen it. A view that covers
/// less than 40 % of a side is not believed, and the whole image is taken.
public struct FieldOfView: Equatable, Sendable {
  /// The rows of the view.
  public let rows: Range<Int>
  /// The columns of the view.
  public let columns: Range<Int>

  private static let cells = 96
  private static let highestBorder = 32.0
  private static let contrast = 9.0
  private static let smallestShare = 0.4
  /// Gaps of up to this many cells do not end the view.
  private static let gap = 2

  /// Finds the view in an image.
  ///
  /// - Parameter image: uint8, 3×H×W.
  /// - Throws: `TorchError` for another shape.
  public init(of image: Tensor) throws {
    let shape = try image.sizes(rank: 3, "the image")
    let (height, width) = (shape[1], shape[2])
    let cells = Self.cells
    let levels = try image.to(.float32).expandedDimension(0).averagePool(height: cells, width: cells)
      .squeezed(0).max([0])
    let ordered = try levels.reshaped([-1]).sorted(dim: 0).values
    let border = try ordered.selected(dim: 0, index: cells * cells / 20).item()
    let bright = try Self.largestPiece(
      levels.greater(than: min(border, Self.highestBorder) + Self.contrast))
    func run(_ part: Tensor, along dim: Int) throws -> Range<Int> {
      Self.longestRun(try part.mean([1 - dim]).doubles())
    }
    let first = try run(bright, along: 1)
    let down = try run(bright.narrowed(dim: 1, start: first.lowerBound, length: first.count), along: 0)
    let across = try run(bright.narrowed(dim: 0, start: down.lowerBound, length: down.count), along: 1)
    func pixels(_ range: Range<Int>, _ side: Int) -> Range<Int> {
      range.lowerBound * side / cells..<min(side, (range.upperBound * side + cells - 1) / cells)
    }
    let (rows, columns) = (pixels(down, height), pixels(across, width))
    let isLarge =
      Double(rows.count) >= Self.smallestShare * Double(height)
      && Double(columns.count) >= Self.smallestShare * Double(width)
    (self.rows, self.columns) = isLarge ? (rows, columns) : (0..<height, 0..<width)
  }

  /// Keeps the largest piece of touching cells: float32, of the same shape.
  private static func largestPiece(_ bright: Tensor) throws -> Tensor {
    let pieces = ConnectedComponents(
      of: try BinaryMask(width: cells, height: cells, pixels: bright.to(.uint8).array()))
    guard let largest = pieces.areas.indices.max(by: { pieces.areas[$0] < pieces.areas[$1] }),
      2 * pieces.areas[largest] >= pieces.areas.reduce(0, +)
    else { return try bright.to(.float32) }
    return try Tensor(pieces.labels.map { $0 == Int32(largest + 1) ? Float(1) : 0 }).reshaped(bright.shape)
  }

  /// Returns the longest run of entries that reach half of the 90th percentile; small gaps belong to it.
  private static func longestRun(_ profile: [Double]) -> Range<Int> {
    let enough = profile.sorted()[profile.count * 9 / 10] / 2
    let found = profile.indices.filter { profile[$0] >= enough }
    var (best, start) = (0..<profile.count, 0)
    var longest = 0
    for (place, index) in found.enumerated() {
      let ends = place + 1 == found.count || found[place + 1] - index > gap + 1
      guard ends else { continue }
      let run = found[start]..<index + 1
      if run.count > longest { (best, longest) = (run, run.count) }
      start = place + 1
    }
    return best
  }
}

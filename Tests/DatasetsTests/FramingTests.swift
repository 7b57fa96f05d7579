import Foundation
import Imaging
import Testing
import Torch

@testable import Datasets

@Suite("Framing")
struct FramingTests {
  /// A grey border of level 20 with a red view in it, uint8 3×H×W.
  private func frame(height: Int, width: Int, view rows: Range<Int>, _ columns: Range<Int>) throws -> Tensor {
    let image = try Tensor.full([3, height, width], 20, dtype: .uint8)
    let view = try image.narrowed(dim: 1, start: rows.lowerBound, length: rows.count)
      .narrowed(dim: 2, start: columns.lowerBound, length: columns.count)
    try view.assign(.full(view.shape, 60, dtype: .uint8))
    try view.selected(dim: 0, index: 0).assign(.full(Array(view.shape.dropFirst()), 170, dtype: .uint8))
    return image
  }

  private func fill(_ image: Tensor, _ rows: Range<Int>, _ columns: Range<Int>, _ level: Double) throws {
    let part = try image.narrowed(dim: 1, start: rows.lowerBound, length: rows.count)
      .narrowed(dim: 2, start: columns.lowerBound, length: columns.count)
    try part.assign(.full(part.shape, level, dtype: .uint8))
  }

  @Test("The view is what the border leaves; text and a small picture beside it do not count")
  func view() throws {
    let image = try frame(height: 180, width: 320, view: 2..<178, 110..<310)
    try fill(image, 120..<180, 0..<90, 200)  // an inset picture, a third of the height
    for row in [20, 30, 40] { try fill(image, row..<row + 4, 10..<70, 255) }  // lines of text
    let view = try FieldOfView(of: image)
    #expect(abs(view.rows.lowerBound - 2) <= 2 && abs(view.rows.upperBound - 178) <= 2, "\(view)")
    #expect(abs(view.columns.lowerBound - 110) <= 4 && abs(view.columns.upperBound - 310) <= 4, "\(view)")
  }

  @Test("Pictures above each other beside the view do not count, even if they fill most of its height")
  func insets() throws {
    let image = try frame(height: 180, width: 320, view: 2..<178, 110..<310)
    // A narrow gap is left.
    try fill(image, 0..<60, 0..<106, 150)
    try fill(image, 100..<180, 0..<106, 200)
    let view = try FieldOfView(of: image)
    #expect(abs(view.columns.lowerBound - 110) <= 4 && abs(view.columns.upperBound - 310) <= 4, "\(view)")
    // One of them touches the view.
    try fill(image, 100..<180, 0..<110, 200)
    let touching = try FieldOfView(of: image)
    #expect(abs(touching.columns.lowerBound - 110) <= 4, "\(touching)")
    #expect(touching.rows.count >= 172, "\(touching)")
  }

  @Test("A dark lumen inside the view does not end it")
  func lumen() throws {
    let image = try frame(height: 120, width: 120, view: 0..<120, 0..<120)
    try fill(image, 0..<8, 0..<8, 0)  // a cut corner
    try fill(image, 30..<90, 60..<120, 32)
    let view = try FieldOfView(of: image)
    #expect(view.rows == 0..<120 && view.columns == 0..<120)
  }

  @Test("An image without a believable view enters whole", arguments: [0.0, 128])
  func whole(level: Double) throws {
    let flat = try Tensor.full([3, 50, 70], level, dtype: .uint8)
    #expect(try FieldOfView(of: flat).rows == 0..<50 && FieldOfView(of: flat).columns == 0..<70)
    let spot = try frame(height: 100, width: 100, view: 45..<60, 45..<60)
    #expect(try FieldOfView(of: spot).rows == 0..<100)
    let tiny = try Tensor.full([3, 1, 2], level, dtype: .uint8)
    #expect(try FieldOfView(of: tiny).columns == 0..<2)
  }

  @Test("Values on the square return to their place in the image", arguments: Framing.allCases)
  func restored(framing: Framing) throws {
    let image = try frame(height: 90, width: 160, view: 0..<90, 60..<150)
    let reader = SampleReader(size: 48, framing: framing)
    let frame = try reader.frame(of: image)
    let square = try reader.scaled(image, in: frame)
    #expect(square.shape == [3, 48, 48] && square.dtype == .uint8)
    // Where the view's red is in the square, it is in the image.
    let red = try square.narrowed(dim: 0, start: 0, length: 1).greater(than: 100).to(.float32)
    let back = try frame.restored(red.expandedDimension(0), height: 90, width: 160).atLeast(0.5)
    let truth = try image.narrowed(dim: 0, start: 0, length: 1).greater(than: 100)
    let overlap = try back.squeezed(0).and(truth).to(.float32).sum().item()
    let union = try back.squeezed(0).or(truth).to(.float32).sum().item()
    #expect(overlap / union > 0.95, "\(framing) \(overlap / union)")
    // The mask takes the same way as its image.
    let mask = try reader.scaled(mask: truth.squeezed(0), in: frame)
    let same = try mask.to(.float32).equals(red.squeezed(0).squeezed(0)).to(.float32).mean().item()
    #expect(same > 0.95)
  }

  @Test("A letterbox keeps proportions and fills the rest with black")
  func letterbox() throws {
    let image = try Tensor.full([3, 50, 100], 200, dtype: .uint8)
    let reader = SampleReader(size: 64, framing: .letterbox)
    let frame = try reader.frame(of: image)
    #expect(frame.innerRows == 16..<48 && frame.innerColumns == 0..<64)
    let square = try reader.scaled(image)
    #expect(try square.narrowed(dim: 1, start: 0, length: 16).to(.float32).sum().item() == 0)
    #expect(try square.narrowed(dim: 1, start: 16, length: 32).to(.float32).mean().item() == 200)
    #expect(try frame.shown(image).shape == [3, 100, 100])
    #expect(try frame.shown(image).narrowed(dim: 1, start: 25, length: 50).isEqual(to: image))
  }

  @Test("A view is the same for an image that was decoded at a fraction of its size")
  func reduced() throws {
    let scratch = try Scratch()
    let image = try frame(height: 360, width: 640, view: 0..<360, 200..<600)
    let file = scratch.file("a.jpg")
    try ImageFile.writeJPEG(Image(image), to: file)
    let reader = SampleReader(size: 90, framing: .view)
    let (_, height, width, found) = try reader.quick(file)
    let whole = try reader.frame(of: reader.image(file))
    #expect(height == 360 && width == 640)
    #expect(abs(found.columns.lowerBound - whole.columns.lowerBound) <= 8)
    #expect(abs(found.columns.upperBound - whole.columns.upperBound) <= 8)
    #expect(found.columns.upperBound <= 640 && found.rows.upperBound <= 360)
  }
}

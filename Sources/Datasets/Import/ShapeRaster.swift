import Foundation
import Imaging

/// Draws the shapes of an annotation format as a mask.
package enum ShapeRaster {
  /// Draws shapes in order: 0 for the background, the label's value, or 255 without values.
  package static func mask(
    of shapes: [LabelledShape], width: Int, height: Int, labels: [String: Int]
  ) throws -> Image {
    throw ImportError.option("shapes", reason: "are not drawn by this build")
  }
}

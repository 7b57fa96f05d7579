/// The parts of a mask whose pixels touch: at sides or corners (8-connectivity), or at sides alone.
package struct ConnectedComponents {
  /// The neighbours of a pixel.
  package enum Connectivity: Sendable {
    /// Four: pixels that share a side.
    case sides
    /// Eight: pixels that share a side or a corner.
    case sidesAndCorners
  }

  /// The component of every pixel, row by row; 0 is background.
  ///
  /// Components have numbers from 1, in the order of their first pixels.
  package let labels: [Int32]

  /// The number of pixels of each component; component 1 comes first.
  package let areas: [Int]

  /// The number of components.
  var count: Int { areas.count }

  /// Labels the components of a mask, in two passes.
  ///
  /// - Parameters:
  ///   - mask: the mask.
  ///   - connectivity: the neighbours of a pixel.
  package init(of mask: BinaryMask, connectivity: Connectivity = .sidesAndCorners) {
    let corners = connectivity == .sidesAndCorners
    let (width, height) = (mask.width, mask.height)
    var labels = [Int32](repeating: 0, count: mask.pixels.count)
    // Each provisional label points to an earlier label that it touches.
    var parents: [Int32] = [0]
    func root(_ label: Int32) -> Int32 {
      var label = label
      while parents[Int(label)] != label {
        parents[Int(label)] = parents[Int(parents[Int(label)])]
        label = parents[Int(label)]
      }
      return label
    }
    func joined(_ first: Int32, _ second: Int32) -> Int32 {
      let (a, b) = (root(first), root(second))
      if a != b { parents[Int(max(a, b))] = min(a, b) }
      return min(a, b)
    }
    mask.pixels.withUnsafeBufferPointer { pixels in
      labels.withUnsafeMutableBufferPointer { labels in
        for y in 0..<height {
          let row = y * width
          var previous: Int32 = 0
          for x in 0..<width {
            guard pixels[row + x] != 0 else {
              previous = 0
              continue
            }
            if y > 0 {
              let above = labels[row - width + x]
              if above != 0 {
                // With corners, the pixel above also touches its other neighbours: the pixel before
                // this one, and those beside it.
                if previous == 0 {
                  previous = above
                } else if !corners, previous != above {
                  previous = joined(previous, above)
                }
              } else if corners, x + 1 < width, labels[row - width + x + 1] != 0 {
                let corner = labels[row - width + x + 1]
                let left = x > 0 && previous == 0 ? labels[row - width + x - 1] : previous
                previous = left == 0 ? corner : joined(left, corner)
              } else if corners, previous == 0, x > 0 {
                previous = labels[row - width + x - 1]
              }
            }
            if previous == 0 {
              previous = Int32(parents.count)
              parents.append(previous)
            }
            labels[row + x] = previous
          }
        }
      }
    }
    // A root comes before all labels that lead to it, so one pass numbers the components.
    var final = [Int32](repeating: 0, count: parents.count)
    var found: Int32 = 0
    for label in parents.indices.dropFirst() {
      let parent = root(Int32(label))
      if Int(parent) == label {
        found += 1
        final[label] = found
      } else {
        final[label] = final[Int(parent)]
      }
    }
    var areas = [Int](repeating: 0, count: Int(found))
    for index in labels.indices where labels[index] != 0 {
      labels[index] = final[Int(labels[index])]
      areas[Int(labels[index]) - 1] += 1
    }
    self.labels = labels
    self.areas = areas
  }
}

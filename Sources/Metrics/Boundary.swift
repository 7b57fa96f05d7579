extension BinaryMask {
  /// The pixels of the mask that have a background pixel above, below, left or right of them.
  ///
  /// Pixels outside the image count as background. So a mask that touches the edge of the image has
  /// a boundary there, and a full mask has the frame of the image as its boundary. Diagonal
  /// neighbours do not count. The boundary is the mask minus its erosion by a cross, as in MONAI
  /// (`get_mask_edges`) and MedPy. An empty mask has an empty boundary.
  public var boundary: BinaryMask {
    let width = self.width
    let height = self.height
    let edges = [UInt8](unsafeUninitializedCapacity: pixels.count) { result, initialized in
      pixels.withUnsafeBufferPointer { mask in
        for y in 0..<height {
          let row = y * width
          guard y > 0, y < height - 1, width > 2 else {
            for x in 0..<width { result[row + x] = mask[row + x] }
            continue
          }
          result[row] = mask[row]
          result[row + width - 1] = mask[row + width - 1]
          for index in (row + 1)..<(row + width - 1) {
            let within = mask[index - 1] & mask[index + 1] & mask[index - width] & mask[index + width]
            result[index] = mask[index] & (within ^ 1)
          }
        }
      }
      initialized = width * height
    }
    return BinaryMask(uncheckedWidth: width, height: height, pixels: edges)
  }
}

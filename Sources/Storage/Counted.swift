/// Returns a number with its noun: "1 image", "3 images".
///
/// - Parameters:
///   - count: the number.
///   - one: the noun for one.
///   - several: the noun for other numbers; nil adds an s.
/// - Returns: the number and the noun.
package func counted(_ count: Int, _ one: String, _ several: String? = nil) -> String {
  "\(count) \(count == 1 ? one : several ?? one + "s")"
}

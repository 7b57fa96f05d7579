/// The text of the error that a closure throws, empty when it throws none.
package func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}

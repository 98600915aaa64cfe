# Ruby: threads, processes, files, JSON.
require 'json'
require 'digest'
puts (1..4).map { |n| Thread.new { n * n } }.map(&:value).sum, JSON.generate({ a: [1, nil] }), Digest::SHA256.hexdigest('text')
r, w = IO.pipe
fork { r.close; w.puts 'child' }
w.close
Process.wait
puts r.read, `echo shell`, Dir.children('.').sort, RbConfig::CONFIG['host_os']

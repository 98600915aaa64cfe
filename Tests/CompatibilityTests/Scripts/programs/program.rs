// Rust: threads, channels, files, processes.
use std::{process::Command, sync::mpsc, thread};

fn main() {
    let (sender, receiver) = mpsc::channel();
    for n in 0..10 {
        let sender = sender.clone();
        thread::spawn(move || sender.send(n * n).unwrap());
    }
    drop(sender);
    std::fs::write("written", "by rust").unwrap();
    let child = Command::new("sh").args(["-c", "echo child"]).output().unwrap();
    println!("{} {:?}", receiver.iter().sum::<i32>(), String::from_utf8(child.stdout));
}

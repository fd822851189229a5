package com.example;

/** Each method tells `rec` what it is called in the index; `rec` prints that beside what the JVM calls it, and where. */
public class Calls {
  static void rec(String expected) {
    var frame = new Throwable().getStackTrace()[1];
    System.out.printf("%s.%s\t%d\t%s%n", frame.getClassName(), frame.getMethodName(), frame.getLineNumber(), expected);
  }

  static int made = make();

  static int make() {
    rec("Calls.make");
    return 1;
  }

  Runnable held = () -> rec("Calls.lambda$new");
  static Runnable shared = () -> rec("Calls.lambda$new");

  static {
    rec("Calls.<clinit>");
    Runnable task = () -> rec("Calls.lambda$static");
    task.run();
  }

  {
    rec("Calls");
  }

  Calls() {
    rec("Calls.<init>");
    Runnable task = () -> rec("Calls.lambda$new");
    task.run();
  }

  @Deprecated
  void charge() {
    rec("Calls.charge");
    Runnable task = () -> {
      rec("Calls.lambda$charge");
      Runnable inner = () -> rec("Calls.lambda$charge");
      inner.run();
    };
    task.run();
    new Object() {
      void go() {
        rec("Calls$<anonymous>.go");
        Runnable inside = () -> rec("Calls$<anonymous>.lambda$go");
        inside.run();
      }
    }.go();
    class Local {
      void go() {
        rec("Calls$Local.go");
      }
    }
    new Local().go();
  }

  static class Line {
    Line() {
      rec("Calls$Line.<init>");
    }

    int total(int... each) {
      rec("Calls$Line.total");
      return 1;
    }

    class Deep {
      void down() {
        rec("Calls$Line$Deep.down");
      }
    }
  }

  enum Operation {
    ADD {
      void apply() {
        rec("Calls$Operation$<anonymous>.apply");
      }
    };

    abstract void apply();
  }

  record Point(int x) {
    Point {
      rec("Calls$Point.<init>");
    }
  }

  interface Named {
    Runnable TASK = () -> rec("Calls$Named.lambda$new");

    default void named() {
      rec("Calls$Named.named");
    }
  }

  public static void main(String[] arguments) {
    Calls calls = new Calls();
    calls.charge();
    calls.held.run();
    shared.run();
    new Line().total();
    new Line().new Deep().down();
    Operation.ADD.apply();
    new Point(1);
    new Named() {}.named();
    Named.TASK.run();
  }
}
